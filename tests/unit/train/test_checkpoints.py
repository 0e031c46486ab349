"""A checkpoint is whole or it is not used."""

import logging
from pathlib import Path

import pytest

from pipeline_lib.train.checkpoints import fault_in_part, is_whole, newest_checkpoint, put, remove_old_checkpoints


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    for step in (2, 4, 10):
        incoming = tmp_path / "incoming"
        (incoming / "inner").mkdir(parents=True)
        (incoming / "weights").write_bytes(bytes([step]) * 100)
        (incoming / "inner" / "state").write_text(str(step))
        put(incoming, tmp_path / f"checkpoint-{step}")
    return tmp_path


def test_a_sealed_folder_has_left_its_first_name(checkpoints: Path) -> None:
    assert not (checkpoints / "incoming").exists()
    assert is_whole(checkpoints / "checkpoint-2")


def test_the_newest_is_the_highest_number_not_the_last_letter(checkpoints: Path) -> None:
    assert newest_checkpoint(checkpoints) == checkpoints / "checkpoint-10"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(("harm", "fault"), [(truncate, "differs"), (flip, "differs"), (Path.unlink, "is missing")])
def test_a_broken_one_is_moved_aside_and_named(checkpoints: Path, caplog, harm, fault: str) -> None:
    harm(checkpoints / "checkpoint-10" / "weights")
    with caplog.at_level(logging.WARNING):
        assert newest_checkpoint(checkpoints) == checkpoints / "checkpoint-4"
    assert f"checkpoint-10 cannot be used: weights {fault}" in caplog.text
    assert (checkpoints / "checkpoint-10.bad").is_dir()


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", "null", "5", "[" * 100_000, '{"weights": []}', '{"weights": {}}']
)
def test_without_its_manifest_or_with_another_it_counts_as_broken(checkpoints: Path, text: str | None) -> None:
    manifest = checkpoints / "checkpoint-10" / "manifest.json"
    manifest.unlink() if text is None else manifest.write_text(text)
    assert str(fault_in_part(checkpoints / "checkpoint-10")) == "manifest.json is missing or cannot be read"
    assert newest_checkpoint(checkpoints) == checkpoints / "checkpoint-4"


def test_none_is_left_when_all_are_broken(checkpoints: Path) -> None:
    for path in checkpoints.glob("checkpoint-*/weights"):
        path.unlink()
    assert newest_checkpoint(checkpoints) is None


def test_an_unfinished_one_is_not_seen(checkpoints: Path) -> None:
    (checkpoints / "incoming.tmp" / "checkpoint-12").mkdir(parents=True)
    assert newest_checkpoint(checkpoints) == checkpoints / "checkpoint-10"


def test_the_two_newest_are_kept(checkpoints: Path) -> None:
    remove_old_checkpoints(checkpoints)
    assert sorted(path.name for path in checkpoints.iterdir()) == ["checkpoint-10", "checkpoint-4"]
