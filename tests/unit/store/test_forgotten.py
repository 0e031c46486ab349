"""The key of the tombstones: lost, damaged or another one, it is missed before anything comes in that was forgotten."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.forgotten import (
    Tombstone,
    check_forgotten,
    forget_key,
    read_tombstones,
    refused_of,
    save_tombstones,
)

URL = "a.jsonl#7"


def bury(workspace: Path, *, is_of_earlier: bool = False) -> Path:
    """Forget a document; the file of the key."""
    key = forget_key(workspace)
    name = "" if is_of_earlier else key.name
    save_tombstones(workspace, [Tombstone("docs", key.of_place("docs", URL), (), 1.0, key=name)])
    return workspace / "keys" / "forget.key"


def digit(path: Path) -> None:
    text = path.read_text()
    path.write_text(("1" if text[0] == "0" else "0") + text[1:])


def other(path: Path) -> None:
    path.write_text("ab" * 32 + "\n")


def cut(path: Path) -> None:
    path.write_text(path.read_text()[:20])


def blanked(path: Path) -> None:
    path.write_bytes(bytes(65))


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def test_by_its_key_a_document_is_refused(tmp_path: Path) -> None:
    bury(tmp_path)
    check_forgotten(tmp_path)
    assert refused_of(tmp_path, "docs").has(URL) and not refused_of(tmp_path, "docs").has("a.jsonl#8")
    assert not refused_of(tmp_path, "others").has(URL)


@pytest.mark.parametrize("harm", [digit, other, cut, blanked, folder, Path.unlink])
@pytest.mark.parametrize("ask", [check_forgotten, lambda root: refused_of(root, "docs"), forget_key])
def test_a_key_that_is_not_theirs_is_never_asked(
    tmp_path: Path, harm: Callable[[Path], None], ask: Callable[[Path], object]
) -> None:
    harm(bury(tmp_path))
    with pytest.raises(DataError, match="Put it back from a copy"):
        ask(tmp_path)


def test_tombstones_of_an_earlier_release_do_not_name_their_key(tmp_path: Path) -> None:
    path = bury(tmp_path, is_of_earlier=True)
    assert refused_of(tmp_path, "docs").has(URL)
    other(path)
    assert not refused_of(tmp_path, "docs").has(URL)


def test_the_name_of_a_key_tells_nothing_of_it(tmp_path: Path) -> None:
    bury(tmp_path)
    (stone,) = read_tombstones(tmp_path)
    assert stone.key not in forget_key(tmp_path).secret.hex() and stone.key != stone.place


def test_where_nothing_was_forgotten_there_is_no_key(tmp_path: Path) -> None:
    check_forgotten(tmp_path)
    assert not refused_of(tmp_path, "docs") and not (tmp_path / "keys").exists()
