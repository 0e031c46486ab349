"""What decides is covered: a number that was changed in a manifest is never used, and nothing is shown unverified.

The night here ends with a model that is refused, for want of held-out documents.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.register.registry import CHAMPION, version_by_alias
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import MANIFEST, read_manifest
from pipeline_lib.store.files import sha256_of
from tests.flips import flip_unseen
from tests.model_nights import FAST, any_night, foreseen, whole_night
from tests.tiny_night import House, artifacts, copy_house, damage, tiny_settings, write_corpus

REFUSED = {"register__gate__first_min_documents": "1000"}


@pytest.fixture(scope="module")
def refused_made(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A night whose model is not promoted."""
    root = tmp_path_factory.mktemp("refused")
    house = House(root / "workspace", write_corpus(root / "corpus"))
    assert "not promoted: refused: enough_documents" in whole_night(settings_of(house)).verdict
    return house


@pytest.fixture
def refused(refused_made: House, tmp_path: Path) -> House:
    """A copy of it."""
    return copy_house(refused_made, tmp_path / "refused")


def settings_of(house: House) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **FAST, **REFUSED)


def folders(house: House, maker: str) -> list[Path]:
    """Of the artifacts of a maker."""
    return [house.workspace / "artifacts" / name for name, m in artifacts(house.workspace).items() if m.maker == maker]


def other(value: Any) -> Any:
    """Another value of the same type."""
    return not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else value / 2 + 1


def changed(manifest: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Each number and truth value in a manifest, by its place, with another one."""
    parts = (
        manifest.items() if isinstance(manifest, dict) else enumerate(manifest) if isinstance(manifest, list) else ()
    )
    for name, part in parts:
        if isinstance(part, dict | list):
            yield from changed(part, (*place, name))
        elif isinstance(part, bool | int | float):
            yield (*place, name), other(part)


def with_value(manifest: Any, place: tuple[Any, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(manifest))
    part = copy
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    return copy


def test_no_number_of_any_manifest_is_read_once_it_was_changed(refused: House) -> None:
    num_changed = 0
    for name in artifacts(refused.workspace):
        path = refused.workspace / "artifacts" / name / "manifest.json"
        text = path.read_text(encoding="utf-8")
        for place, value in changed(json.loads(text)):
            path.write_text(json.dumps(with_value(json.loads(text), place, value)), encoding="utf-8")
            with pytest.raises(DamagedArtifact):
                read_manifest(path.parent)
            num_changed += 1
        path.write_text(text, encoding="utf-8")
        read_manifest(path.parent)
    assert num_changed > 500


# What a night asks of them: is it passed, how many documents, how many bytes, which version, how good.
ASKED = {
    "register.gate": ("facts", "is_passed"),
    "register.version": ("facts", "version"),
    "evaluate.scores": ("rows_out",),
    "evaluate.list": ("rows_out",),
    "train.model": ("facts", "end_bits_per_byte"),
    "tokenize.snapshot": ("facts", "num_tokens"),
    "tokenize.shards": ("facts", "num_held_out"),
    "scrub.list": ("facts", "num_bytes"),
    "dedup.decide": ("rows_out",),
    "ingest.batch": ("facts", "num_held_out"),
}


@pytest.mark.parametrize("makers", [["register.gate"], [*ASKED]], ids=["the gate's", "of all that is asked"])
def test_a_refused_model_stays_refused_whatever_number_is_changed_and_what_is_asked_is_made_again(
    refused: House, makers: list[str]
) -> None:
    asked = {folder: ASKED[maker] for maker in makers for folder in folders(refused, maker)}
    before = {folder: read_manifest(folder) for folder in asked}
    for folder, place in asked.items():
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        (value,) = [value for found, value in changed(manifest) if found == place]
        (folder / "manifest.json").write_text(json.dumps(with_value(manifest, place, value)), encoding="utf-8")
    again = whole_night(settings_of(refused))
    assert "not promoted: refused: enough_documents" in again.verdict
    registry = registry_of(settings_of(refused).of(RegisterSettings), refused.workspace)
    assert version_by_alias(registry, CHAMPION) is None
    (gate,) = folders(refused, "register.gate")
    assert read_manifest(gate).facts == before[gate].facts
    assert foreseen(settings_of(refused)).is_nothing_new
    for folder, manifest in before.items():
        if folder.parent.name != "evaluate":  # scores have speeds
            assert read_manifest(folder).digest == manifest.digest


def test_a_benchmark_that_is_lost_with_the_scores_on_it_is_drawn_anew_and_the_model_is_judged_on_that(
    refused: House,
) -> None:
    for folder in folders(refused, "evaluate.benchmark"):
        shutil.rmtree(folder)
    assert {line.label for step in foreseen(settings_of(refused)).steps for line in step.work} == {"benchmarks"}
    for folder in folders(refused, "evaluate.scores"):
        shutil.rmtree(folder)
    assert "not promoted: refused: enough_documents" in whole_night(settings_of(refused)).verdict
    assert foreseen(settings_of(refused)).is_nothing_new


EVERYTHING = [
    ("evaluate.scores", "*"),
    ("tokenize.snapshot", "*"),
    ("train.model", "training.json"),
    ("register.gate", "gate.md"),
]
READ = ("scores.json", "snapshot.json", "training.json", "gate.md")  # by such a night
PAGES = [
    ("tokenize.snapshot", "snapshot.json"),
    ("train.model", "training.json"),
    ("register.gate", "gate.md"),
    ("evaluate.scores", "scores.json"),
]


@pytest.mark.parametrize(("maker", "file"), PAGES, ids=[file for _, file in PAGES])
def test_what_is_shown_is_verified_and_what_no_clock_tells_is_mended_in_the_same_night(
    refused: House, maker: str, file: str
) -> None:
    path = folders(refused, maker)[0] / file
    right = path.read_bytes()
    flip_unseen(path)
    assert "not promoted: refused: enough_documents" in any_night(settings_of(refused)).verdict
    assert maker == "evaluate.scores" or path.read_bytes() == right  # scores have speeds
    (entry,) = [entry for entry in read_manifest(path.parent).files if entry.name == file]
    assert sha256_of(path) == entry.sha256 and foreseen(settings_of(refused)).is_nothing_new


def test_however_much_is_damaged_behind_a_verdict_one_night_mends_it(refused: House) -> None:
    """Nothing is new, so each thing is met only when something else of the night opens it."""
    every = [path for maker, file in EVERYTHING for folder in folders(refused, maker) for path in folder.glob(file)]
    paths = [path for path in every if path.name != MANIFEST and not path.name.startswith(".")]
    assert len(paths) > 8  # far more than there are things of one kind
    for path in paths:
        flip_unseen(path)
    night = any_night(settings_of(refused))
    assert "not promoted: refused: enough_documents" in night.verdict
    for path in paths:
        if path.name in READ:
            (entry,) = [entry for entry in read_manifest(path.parent).files if entry.name == path.name]
            assert sha256_of(path) == entry.sha256, path
    assert foreseen(settings_of(refused)).is_nothing_new


def test_a_damaged_training_is_made_again_as_it_was(refused: House) -> None:
    (folder,) = folders(refused, "train.model")
    before = read_manifest(folder).digest
    damage(folder)
    (line,) = [line for step in foreseen(settings_of(refused)).steps for line in step.work]
    assert (line.stage, line.label, line.reason) == ("train", "model", "damaged: trunk/optimizer.pt")
    whole_night(settings_of(refused))
    assert read_manifest(folder).digest == before
