"""`nightshift forget` that is killed at a write and said again: nothing of the document is left, nothing is damaged.

twin = forgotten_in(root, lived, url)          what it comes to, undisturbed
killed_and_said_again(lived, root, url, "files:before_change:7", twin)    whether it came so far
"""

import json
from collections.abc import Mapping
from pathlib import Path

from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.store.forgotten import read_tombstones
from pipeline_lib.store.workspace import Workspace
from tests.found_in import places_of
from tests.tiny_night import House, arguments, artifacts, copy_house, nightshift

FORGET_KEY = "ab" * 32
ALREADY = "is forgotten already"


def forgotten_in(root: Path, lived: House, url: str) -> str:
    """The digests of all artifacts after an undisturbed `forget`."""
    own = with_forget_key(copy_house(lived, root))
    ended = nightshift("forget", url, "--now", "--yes", *arguments(own.workspace, own.corpus))
    assert ended.status == 0, ended.err
    return _digests(own)


def killed_and_said_again(lived: House, root: Path, url: str, at: str, wanted: Mapping[str, bytes], twin: str) -> bool:
    """Kill `forget` at this point and say it again; whether it came so far. `wanted`: what must not be left."""
    own = with_forget_key(copy_house(lived, root))
    words = ("forget", url, "--now", "--yes", *arguments(own.workspace, own.corpus))
    first = nightshift(*words, **{VARIABLE: at})
    assert first.status in (0, -9), first.err
    again = nightshift(*words)
    is_done = again.status == 2 and ALREADY in again.err
    assert again.status == 0 or is_done, again.err
    assert "Traceback" not in again.err, again.err
    check_forgotten(own, wanted, twin)
    return first.status != 0


def check_forgotten(own: House, wanted: Mapping[str, bytes], twin: str) -> None:
    """Nothing of it is left, nothing is damaged, and all is as it is where nothing was killed."""
    assert places_of(own.workspace, wanted) == {}
    assert not (own.workspace / "state" / "forgetting.json").exists()
    assert _digests(own) == twin
    (certificate,) = (own.workspace / "certificates").glob("*.json")
    assert json.loads(certificate.read_text())["still_in"] == []
    assert all(stone.purged for stone in read_tombstones(own.workspace))
    store = Workspace(own.workspace).store
    assert [str(ref) for ref in store.everything() if not store.is_present(ref)] == []


def with_forget_key(house: House) -> House:
    """The same workspace, with a key whose hashes are those of all others here."""
    (house.workspace / "keys").mkdir(exist_ok=True)
    (house.workspace / "keys" / "forget.key").write_text(f"{FORGET_KEY}\n")
    return house


def _digests(house: House) -> str:
    return json.dumps({ref: one.digest for ref, one in artifacts(house.workspace).items()}, sort_keys=True)
