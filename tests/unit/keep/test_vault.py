"""A folder of backups: pieces once, lists that say what is whole, and whose it is."""

import gzip
import json
from pathlib import Path

import pytest

from pipeline_lib.base.errors import DataError, SettingsError, WorkspaceBusy
from pipeline_lib.keep.vault import (
    FORMAT,
    LOCK,
    MARKER,
    PIECE_BYTES,
    SECTION_FILES,
    DamagedPiece,
    Entry,
    Head,
    Vault,
    close_vault,
    open_vault,
    vault_for,
)
from pipeline_lib.store.records import write_state

OWNER = "a" * 32
ODD_NAMES = ("state/夜.json", "a b/#?%20", "mlartifacts/\udcff", "x/" + "n" * 200)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return vault_for(tmp_path / "backups of #1? 100% 夜", OWNER)


def entry_of(vault: Vault, name: str, content: bytes) -> Entry:
    pieces = [vault.put(content[at : at + 4])[0] for at in range(0, len(content), 4)]
    return Entry(name, len(content), 0o600, 1, 4, tuple(pieces), (1, 2, 3))


def added(vault: Vault, number: int, *entries: Entry) -> Head:
    """A backup of that number that holds these files."""
    identity = f"20261129-1815{number:02d}-{number:04x}"
    head = Head(identity, number, float(-number), "0", "file:///w", len(entries), 0, vault.put_list(entries))
    vault.add(head)
    return head


def held(vault: Vault, head: Head) -> dict[str, bytes]:
    return {entry.name: b"".join(map(vault.piece, entry.pieces)) for entry in vault.files(head)}


def test_what_was_put_is_there_once_and_comes_back(vault: Vault) -> None:
    first = vault.put(b"text")
    assert first[1]
    assert vault.put(b"text") == (first[0], False)
    assert vault.piece(first[0]) == b"text"
    head = added(vault, 1, *(entry_of(vault, name, name.encode(errors="surrogateescape")) for name in ODD_NAMES))
    again = open_vault(vault.root)
    assert again.heads() == [head]
    assert held(again, head) == {name: name.encode(errors="surrogateescape") for name in ODD_NAMES}


def test_an_empty_file_and_an_empty_backup_come_back(vault: Vault) -> None:
    assert held(vault, added(vault, 1, entry_of(vault, "empty", b""))) == {"empty": b""}
    assert held(vault, added(vault, 2)) == {}


def test_a_piece_that_is_cut_or_differs_is_told_and_put_again(vault: Vault) -> None:
    digest, _ = vault.put(b"text")
    vault.place(digest).write_bytes(b"te")
    assert vault.put(b"text") == (digest, True)
    vault.place(digest).write_bytes(b"tExt")
    with pytest.raises(DamagedPiece, match="is not what was written"):
        vault.piece(digest)
    assert vault.put(b"text") == (digest, True)
    assert vault.piece(digest) == b"text"


def test_one_file_more_changes_one_section_of_a_list(vault: Vault) -> None:
    entries = [Entry(f"artifacts/clean/{n:032x}/x", 0, 0o600, n, 4, (), None) for n in range(40 * SECTION_FILES)]
    before = set(vault.put_list(entries))
    after = set(vault.put_list([*entries[:99], Entry("artifacts/clean/0/y", 0, 0o600, 1, 4, (), None), *entries[99:]]))
    assert len(before) > 10
    assert 1 <= len(after - before) <= 2


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "state/../../evil", "", ".", "a\0b"])
def test_a_list_with_a_name_that_leads_out_is_none(vault: Vault, name: str) -> None:
    head = added(vault, 1, Entry(name, 0, 0o600, 1, 4, (), None))
    with pytest.raises(DamagedPiece, match="its list is none"):
        vault.files(head)


@pytest.mark.parametrize(
    "rows",
    [
        {"not": "a list"},
        [["x", 4, 384, 1, 4, [], None]],
        [["x", -1, 384, 1, 4, [], None]],
        [["x", 4, 384, 1, 0, ["0" * 64], None]],
        [["x", 4, 384, 1, 4, ["../../x"], None]],
        [["x", True, 384, 1, 4, ["0" * 64], None]],
        [["x"]],
        [None],
    ],
)
def test_a_list_that_nobody_has_written_is_none(vault: Vault, rows: object) -> None:
    digest, _ = vault.put(gzip.compress(json.dumps(rows).encode()))
    with pytest.raises(DamagedPiece, match="its list is none"):
        vault.files(Head("20261129-181500-0000", 1, 0.0, "0", "", 0, 0, (digest,)))


def test_what_only_removed_backups_name_goes_and_nothing_else(vault: Vault) -> None:
    both, old, new = (entry_of(vault, name, name.encode()) for name in ("both", "old", "new"))
    first, second = added(vault, 1, both, old), added(vault, 2, both, new)
    gone = {place.name for place in vault.unnamed([second])}
    assert gone == {*old.pieces, *first.list}
    vault.remove([first])
    for name in gone:
        vault.place(name).unlink()
    assert vault.heads() == [second]
    assert held(vault, second) == {"both": b"both", "new": b"new"}


def test_backups_come_newest_first_and_one_that_is_damaged_is_passed_over(vault: Vault) -> None:
    heads = [added(vault, number) for number in (1, 2, 3)]
    assert vault.heads() == heads[::-1]
    assert vault.odd_heads() == []
    place = vault.root / "backups" / f"{heads[2].id}.json"
    place.write_text(place.read_text().replace("18150", "18160"))
    assert vault.heads() == heads[1::-1]
    assert len(vault.odd_heads()) == 1


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SettingsError, match="Name a folder that is new or empty"):
        vault_for(tmp_path, OWNER)
    with pytest.raises(SettingsError, match="Name a folder that is new or empty"):
        vault_for(tmp_path / "mine.txt", OWNER)
    with pytest.raises(SettingsError, match="holds no backups"):
        open_vault(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_first_backup_that_was_killed_at_its_first_file_stands_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / f".{MARKER}.4711.tmp").write_bytes(b"{")
    assert vault_for(tmp_path, OWNER).marker.workspace == OWNER


def test_the_backups_of_another_workspace_or_release_are_refused(vault: Vault) -> None:
    with pytest.raises(SettingsError, match="another workspace"):
        vault_for(vault.root, "b" * 32)
    assert vault_for(vault.root, OWNER) == vault
    write_state(vault.root / MARKER, {"format": FORMAT + 1, "id": "x", "workspace": OWNER})
    with pytest.raises(DataError, match="newer release"):
        open_vault(vault.root)


def test_backups_whose_owner_is_lost_can_still_be_read(vault: Vault) -> None:
    head = added(vault, 1, entry_of(vault, "x", b"text"))
    (vault.root / MARKER).write_text("{")
    assert held(open_vault(vault.root), head) == {"x": b"text"}
    with pytest.raises(DataError, match="can be restored"):
        vault_for(vault.root, OWNER)
    (vault.root / MARKER).unlink()
    assert held(open_vault(vault.root), head) == {"x": b"text"}
    with pytest.raises(SettingsError, match="Name a folder that is new or empty"):
        vault_for(vault.root, OWNER)


def test_others_are_shut_out_and_it_is_said_where_they_were_not(vault: Vault) -> None:
    assert vault.root.stat().st_mode & 0o777 == 0o700
    assert close_vault(vault.root) == ""
    vault.root.chmod(0o755)
    assert "now only their owner can" in close_vault(vault.root)
    assert vault.root.stat().st_mode & 0o777 == 0o700


def test_who_writes_is_alone_and_readers_are_not(vault: Vault) -> None:
    with vault.written():
        pass
    with vault.read(), vault.read(), pytest.raises(WorkspaceBusy, match="at work with these backups"), vault.written():
        pass
    with vault.written(), pytest.raises(WorkspaceBusy), vault.read():
        pass
    (vault.root / LOCK).unlink()
    with vault.read():  # a medium that cannot be written to may have none
        pass


def test_pieces_are_of_one_size_but_the_last() -> None:
    entry = Entry("x", PIECE_BYTES + 1, 0o600, 1, PIECE_BYTES, ("a", "b"), None)
    assert list(entry.sizes()) == [("a", PIECE_BYTES), ("b", 1)]
