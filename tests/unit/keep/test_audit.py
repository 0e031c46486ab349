"""All that lies in a folder of backups is read once, and what is damaged is told with the backups that need it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline_lib.base.errors import WorkspaceBusy
from pipeline_lib.keep.audit import Audit, audit
from pipeline_lib.keep.vault import Head, Vault, vault_for
from tests.examined import everything_in
from tests.flips import flip
from tests.unit.keep.test_vault import OWNER, added, entry_of

BOTH, OLD, NEW = ("state/夜 #1? 100%.json", "a/old", "a/new")


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return vault_for(tmp_path / "backups of #1? 100% 夜", OWNER)


@pytest.fixture
def heads(vault: Vault) -> tuple[Head, Head]:
    """Two backups that have one file in common."""
    both, old, new = (entry_of(vault, name, name.encode()) for name in (BOTH, OLD, NEW))
    return added(vault, 1, both, old), added(vault, 2, both, new)


def looked(vault: Vault) -> Audit:
    return audit(vault, lambda *_: None, wait_seconds=0)


def broken(found: Audit) -> dict[int, tuple[str, ...]]:
    """By number of the backup the files that need what is damaged."""
    return {one.head.number: one.files for one in found.broken}


def first_piece(vault: Vault, head: Head, name: str) -> Path:
    (entry,) = [entry for entry in vault.files(head) if entry.name == name]
    return vault.place(entry.pieces[0])


def test_each_piece_is_read_once_and_nothing_is_changed(
    vault: Vault, heads: tuple[Head, Head], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, real = Counter[str](), Vault.piece
    monkeypatch.setattr(Vault, "piece", lambda self, digest: (read.update([digest]), real(self, digest))[1])
    before, told = everything_in(vault.root), list[tuple[float, float, str]]()
    found = audit(vault, lambda *at: told.append(at))
    assert (found.is_all_whole, found.whole, found.num_pieces) == (True, heads[::-1], len(vault.places()))
    assert found.num_bytes == sum(place.stat().st_size for place in vault.places())
    assert all(read[place.name] == 1 for place in vault.places() if place.name not in {*heads[0].list, *heads[1].list})
    assert everything_in(vault.root) == before
    assert told[-1][0] == told[-1][1] and [one[0] for one in told] == sorted(one[0] for one in told)


def cut(place: Path) -> None:
    place.write_bytes(b"")


def lengthen(place: Path) -> None:
    place.write_bytes(place.read_bytes() + b"x")


@pytest.mark.parametrize("harm", [flip, cut, lengthen, Path.unlink], ids=["flipped", "cut", "longer", "gone"])
@pytest.mark.parametrize(
    ("name", "needs_it"), [(BOTH, {1: (BOTH,), 2: (BOTH,)}), (OLD, {1: (OLD,)}), (NEW, {2: (NEW,)})]
)
def test_a_piece_that_is_harmed_is_told_with_the_files_and_the_backups_that_need_it(
    vault: Vault,
    heads: tuple[Head, Head],
    name: str,
    needs_it: dict[int, tuple[str, ...]],
    harm: Callable[[Path], None],
) -> None:
    place = first_piece(vault, heads[min(needs_it) - 1], name)
    harm(place)
    found = looked(vault)
    assert broken(found) == needs_it
    assert (found.damaged, found.missing) == (((place,), ()) if place.exists() else ((), (place,)))
    assert all(one.pieces == (place,) for one in found.broken)
    assert [head.number for head in found.whole] == [number for number in (2, 1) if number not in needs_it]


@pytest.mark.parametrize("harm", [flip, Path.unlink], ids=["flipped", "gone"])
def test_a_list_that_is_harmed_takes_its_backup_with_it(
    vault: Vault, heads: tuple[Head, Head], harm: Callable[[Path], None]
) -> None:
    own = next(piece for piece in heads[1].list if piece not in heads[0].list)
    harm(vault.place(own))
    found = looked(vault)
    assert broken(found) == {2: ()}
    assert (found.whole, found.is_all_whole) == ((heads[0],), False)


def test_a_backup_of_which_nothing_can_be_read_and_a_piece_that_nobody_needs_are_told(
    vault: Vault, heads: tuple[Head, Head]
) -> None:
    spare = vault.place(vault.put(b"of a backup that was cut off")[0])
    assert looked(vault).is_all_whole
    flip(spare)
    head = vault.root / "backups" / f"{heads[1].id}.json"
    flip(head)
    (vault.root / "objects" / "ab" / "not a piece").parent.mkdir(exist_ok=True)
    (vault.root / "objects" / "ab" / "not a piece").write_text("somebody's")
    found = looked(vault)
    assert (found.damaged, found.odd, found.broken, found.whole) == ((spare,), (head,), (), (heads[0],))


def test_what_comes_and_goes_meanwhile_is_no_damage(vault: Vault, heads: tuple[Head, Head]) -> None:
    gone, newer = vault.unnamed([heads[1]]), list[Head]()

    def another_backup(done: float, total: float, _what: str) -> None:
        if not newer:
            vault.remove([heads[0]])
            for place in gone:
                place.unlink()
            newer.append(added(vault, 3, entry_of(vault, "later", b"later")))

    found = audit(vault, another_backup)
    assert (found.is_all_whole, found.whole) == (True, (newer[0], heads[1]))


def test_it_waits_in_the_end_for_a_backup_that_is_made_and_not_for_ever(vault: Vault, heads: tuple[Head, Head]) -> None:
    with vault.written(), pytest.raises(WorkspaceBusy, match="another command is at work with these backups"):
        looked(vault)
    assert looked(vault).whole == heads[::-1]
