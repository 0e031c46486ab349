"""Folders that are whole or not."""

from pathlib import Path

import pytest

from pipeline_lib.store.sealed import Fault, FileSum, fault_in, fault_of, seal, sums_of

LIST = "sums.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.safetensors").write_bytes(b"weights")
    (tmp_path / "a.txt").write_text("夜")
    return tmp_path


def test_every_file_is_summed_by_its_relative_name_in_order(folder: Path) -> None:
    sums = sums_of(folder, apart=("a.txt",))
    assert list(sums) == ["model/weights.safetensors"]
    assert list(sums_of(folder)) == ["a.txt", "model/weights.safetensors"]
    assert sums_of(folder)["a.txt"].bytes == 3


def test_a_sealed_folder_is_whole_and_sealing_it_again_changes_nothing(folder: Path) -> None:
    digest = seal(folder, LIST)
    assert fault_of(folder, LIST, digest=digest, apart=()) is None
    assert seal(folder, LIST) == digest


@pytest.mark.parametrize("data", [b"weightz", b"weight", b""])
def test_a_changed_file_is_named(folder: Path, data: bytes) -> None:
    seal(folder, LIST)
    (folder / "model" / "weights.safetensors").write_bytes(data)
    assert str(fault_of(folder, LIST)) == "model/weights.safetensors differs"


def test_a_file_that_is_gone_is_named(folder: Path) -> None:
    seal(folder, LIST)
    (folder / "a.txt").unlink()
    assert fault_of(folder, LIST) == Fault("a.txt", "is missing")


def test_the_first_of_several_faults_is_named(folder: Path) -> None:
    seal(folder, LIST)
    (folder / "a.txt").unlink()
    (folder / "model" / "weights.safetensors").write_bytes(b"other")
    assert fault_of(folder, LIST) == Fault("a.txt", "is missing")


def test_a_file_too_many_is_a_fault_only_where_the_folder_is_closed(folder: Path) -> None:
    seal(folder, LIST)
    (folder / "model" / "extra.py").write_text("print()")
    assert fault_of(folder, LIST) is None
    assert fault_of(folder, LIST, apart=()) == Fault("model/extra.py", "is unknown")
    assert fault_of(folder, LIST, apart=("model/extra.py",)) is None


def test_a_link_that_points_nowhere_is_seen(folder: Path) -> None:
    seal(folder, LIST)
    (folder / "link").symlink_to(folder / "nothing")
    assert fault_of(folder, LIST, apart=()) == Fault("link", "is unknown")


def test_a_list_that_was_rewritten_to_fit_is_found_by_its_own_digest(folder: Path) -> None:
    digest = seal(folder, LIST)
    (folder / "a.txt").write_text("forged")
    seal(folder, LIST)
    assert fault_of(folder, LIST) is None
    assert fault_of(folder, LIST, digest=digest) == Fault(LIST, "differs")


@pytest.mark.parametrize("text", [None, "", "[]", "{", '{"a.txt": 5}', '{"a.txt": {"bytes": 3}}'])
def test_a_folder_without_a_readable_list_is_not_whole(folder: Path, text: str | None) -> None:
    if text is not None:
        (folder / LIST).write_text(text)
    assert fault_of(folder, LIST) == Fault(LIST, "is missing or cannot be read")


def test_some_files_alone_can_be_compared(folder: Path) -> None:
    sums = sums_of(folder)
    (folder / "a.txt").write_text("x")
    assert fault_in(folder, {"model/weights.safetensors": sums["model/weights.safetensors"]}) is None
    assert fault_in(folder, {"a.txt": FileSum(3, sums["a.txt"].sha256)}) == Fault("a.txt", "differs")
