"""`nightshift export`: what others open has the documents of the newest snapshot, all of them and no others."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flows.export import export_newest
from pipeline_lib.base.errors import DamagedArtifact, DataError, SettingsError
from pipeline_lib.past.export import KINDS, Exported, export_snapshot
from pipeline_lib.store.sides import is_held_out, sides_of
from pipeline_lib.store.workspace import Workspace
from tests.data_nights import digests, night
from tests.tiny_night import House, artifacts, damage, nightshift, tiny_settings

if TYPE_CHECKING:
    from datasets import DatasetDict

WITHDRAWN = "note_104.txt"


def export(house: House, folder: Path, **options: Any) -> Exported:
    """Without a bar."""
    given = {"kinds": KINDS, "told": lambda _done, _all, _note: None, **options}
    return export_snapshot(Workspace(house.workspace), folder, **given)


@pytest.fixture
def opened(home: House, tmp_path: Path) -> "Mapping[str, DatasetDict]":
    """Both kinds as `datasets` loads them, exported by the command after a night in which a document was withdrawn."""
    import datasets  # a second to load, for these tests alone

    (home.corpus / WITHDRAWN).unlink()
    night(home)
    done = nightshift("export", "--to", str(tmp_path / "out"), "--workspace", str(home.workspace))
    assert done.status == 0, done.err
    cache = str(tmp_path / "cache")
    return {kind: datasets.load_dataset(str(tmp_path / "out" / kind), cache_dir=cache) for kind in KINDS}


def test_datasets_loads_the_texts_and_the_tokens_of_the_same_documents(
    home: House, opened: "Mapping[str, DatasetDict]", tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(tmp_path / "out" / "tokenizer"))
    texts, tokens = ({row["document_id"]: row for row in rows(opened[kind])} for kind in KINDS)
    assert texts.keys() == tokens.keys() != set()
    assert {row["url"] for row in texts.values()} == set(night(home).urls)
    assert WITHDRAWN not in {row["url"] for row in texts.values()}
    for name, row in texts.items():
        assert tokenizer.decode(tokens[name]["input_ids"]) == row["text"]


def test_what_no_model_learned_from_is_the_split_test(opened: "Mapping[str, DatasetDict]") -> None:
    for split, expected in (("train", False), ("test", True)):
        table = opened["texts"][split]
        assert len(table)
        assert set(is_held_out(sides_of(table["source"], table["url"]), 0.25).tolist()) == {expected}
        assert set(opened["tokens"][split]["document_id"]) == set(table["document_id"])


def rows(splits: "DatasetDict") -> Iterator[Mapping[str, Any]]:
    """All documents of all splits."""
    return (row for split in splits.values() for row in split)


def test_one_kind_alone_can_be_asked_for(home: House, tmp_path: Path) -> None:
    export(home, tmp_path / "out", kinds=("tokens",))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"tokens", "tokenizer"}


def test_segments_are_the_texts_cut_and_never_inside_a_sentence(home: House, tmp_path: Path) -> None:
    import datasets

    out, cache = tmp_path / "out", str(tmp_path / "cache")
    words = ("export", "--to", str(out), "--segment-chars", "80", "300", "--workspace", str(home.workspace))
    assert nightshift(*words).status == 0
    texts, segments = (datasets.load_dataset(str(out / kind), cache_dir=cache) for kind in ("texts", "segments"))
    assert {name: set(table["document_id"]) for name, table in segments.items()} == {
        name: set(table["document_id"]) for name, table in texts.items()
    }
    cut: dict[str, list[str]] = {}
    for row in rows(segments):
        own = cut.setdefault(row["document_id"], [])
        assert row["number"] == len(own)
        own.append(row["text"])
    assert max(map(len, cut.values())) > 1
    for row in rows(texts):
        assert "".join(row["text"].split()) == "".join("".join(cut[row["document_id"]]).split())
    assert all(len(one) <= 300 and one[-1] in ".。!?" for own in cut.values() for one in own[:-1])


def test_segments_of_no_length_are_refused(home: House, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="segments of 0 to 0 characters: say MIN, then MAX, at least 1"):
        export(home, tmp_path / "out", kinds=("segments",), segment_chars=(0, 0))
    with pytest.raises(SettingsError, match="segments of 300 to 80 characters: say MIN, then MAX"):
        export(home, tmp_path / "out", kinds=("segments",), segment_chars=(300, 80))


def test_many_documents_fill_several_files(home: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline_lib.past.export.FILE_BYTES", 1)
    import datasets

    done = export(home, tmp_path / "out")
    assert len(list((tmp_path / "out" / "tokens").glob("train-*.arrow"))) > 1
    loaded = datasets.load_dataset(str(tmp_path / "out" / "tokens"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(table) for split, table in loaded.items()} == done.num_documents


def test_a_folder_that_holds_something_is_left_as_it_is(home: House, tmp_path: Path) -> None:
    own = tmp_path / "out" / "mine.txt"
    own.parent.mkdir()
    export(home, own.parent)  # an empty one will do
    own.write_text("mine")
    with pytest.raises(SettingsError, match="no empty folder"):
        export(home, own.parent)
    assert own.read_text() == "mine"


def test_what_a_killed_export_left_is_taken_away_by_the_next_and_one_at_work_is_left_alone(
    home: House, tmp_path: Path
) -> None:
    at_work, own = (tmp_path / f".out.part-{number}" for number in (os.getppid(), "mine"))
    killed = tmp_path / f".out.part-{_nobody()}"
    for left in (killed, at_work, own):
        (left / "texts").mkdir(parents=True)
    export(home, tmp_path / "out", kinds=("tokens",))
    assert {path for path in tmp_path.iterdir() if "out" in path.name} == {tmp_path / "out", at_work, own}
    assert not (tmp_path / "out" / "texts").exists()


def _nobody() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        return ended.pid


@pytest.mark.parametrize("is_gone", [True, False])
@pytest.mark.parametrize("maker", ["scrub.text", "tokenize.encode", "tokenize.learn", "tokenize.snapshot"])
def test_what_of_a_snapshot_is_lost_is_made_again_as_it_was(
    home: House, tmp_path: Path, maker: str, is_gone: bool
) -> None:
    """Its batch is closed, so no night would."""
    ref = next(made.ref for made in artifacts(home.workspace).values() if made.maker == maker)
    before, folder = digests(home), Workspace(home.workspace).store.path(ref.stage, ref.fingerprint)
    if is_gone:
        shutil.rmtree(folder)
    else:
        damage(folder)
    with pytest.raises(DamagedArtifact):
        export(home, tmp_path / "out")
    assert not any("out" in path.name for path in tmp_path.iterdir())  # nothing half-written
    settings = tiny_settings(home.workspace, home.corpus)
    export_newest(settings, Workspace(home.workspace), tmp_path / "out", None)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"texts", "tokens", "tokenizer"}
    assert digests(home, before) == before


def test_what_nobody_can_make_again_is_named_with_what_is_missing(home: House, tmp_path: Path) -> None:
    for made in artifacts(home.workspace).values():
        if made.maker in ("ingest.read", "clean.text", "scrub.text"):
            shutil.rmtree(Workspace(home.workspace).store.path(made.ref.stage, made.ref.fingerprint))
    shutil.rmtree(home.corpus)
    home.corpus.mkdir()
    with pytest.raises(DataError, match=r"scrub/\w+ is gone or damaged, and so is what it was made from \(\w+/\w+\)"):
        export_newest(tiny_settings(home.workspace, home.corpus), Workspace(home.workspace), tmp_path / "out", None)
    assert not any("out" in path.name for path in tmp_path.iterdir())


def test_before_the_first_night_there_is_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no snapshot yet"):
        export(House(tmp_path / "workspace", tmp_path), tmp_path / "out")
