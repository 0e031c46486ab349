"""`nightshift export`: what others open has the documents of the newest snapshot, all of them and no others."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_lib.base.errors import DataError, SettingsError
from pipeline_lib.past.export import KINDS, Exported, export_snapshot
from pipeline_lib.store.schemas import DOCUMENTS_FILE
from pipeline_lib.store.sides import is_held_out, sides_of
from pipeline_lib.store.workspace import Workspace
from tests.data_nights import night
from tests.tiny_night import House, damage, nightshift

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
    with pytest.raises(SettingsError, match="not empty"):
        export(home, own.parent)
    assert own.read_text() == "mine"


def test_what_a_killed_export_left_is_taken_away_by_the_next(home: House, tmp_path: Path) -> None:
    left = tmp_path / ".out.part" / "texts" / "train-00000.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    export(home, tmp_path / "out", kinds=("tokens",))
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out"]
    assert not (tmp_path / "out" / "texts").exists()


def test_damage_ends_the_export_with_nothing_half_written_and_its_advice_helps(home: House, tmp_path: Path) -> None:
    store = Workspace(home.workspace).store
    damage(next(store.path("scrub", "").rglob(DOCUMENTS_FILE)).parent)
    with pytest.raises(DataError, match="nightshift tokenize"):
        export(home, tmp_path / "out")
    assert not any("out" in path.name for path in tmp_path.iterdir())


def test_before_the_first_night_there_is_nothing_to_export(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no snapshot yet"):
        export(House(tmp_path / "workspace", tmp_path), tmp_path / "out")
