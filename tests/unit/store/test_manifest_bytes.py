"""A manifest with another byte is damaged, or says what it said; it is never another error, and never obeyed.

pytest tests/unit/store/test_manifest_bytes.py     replays the same bytes each time (SEED)
"""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.store.artifact import MANIFEST, Manifest, Outcome, Ref
from pipeline_lib.store.local import Store

SEED = 20261128
REF = Ref("clean", "0123456789abcdef")
OTHER = Ref("clean", "fedcba9876543210")
TELLING = b'0123456789eE+-.,:"[]{}\\ nul\x00\x1f\x80\xc3\xff'  # bytes that make other JSON, or none


@pytest.fixture
def sealed(store: Store) -> Path:
    """The manifest of a small artifact, and another artifact beside it."""
    for ref in (REF, OTHER):
        with store.draft(ref) as draft:
            (draft.path / "a.txt").write_text("words")
            draft.seal(
                Outcome(3, 2, {"too_short": 1}, facts={"share": 0.5, "none": None, "word": "夜"}),
                maker="clean.text",
                version=1,
                schema="documents.v2",
                settings={"limit": 5},
                inputs={"documents": Ref("ingest", "ffff")},
                members=(Ref("ingest", "eeee"),),
            )
    return store.path(*vars(REF).values()) / MANIFEST


def read(store: Store) -> Manifest | None:
    """What is read of it; None where it is damaged."""
    try:
        found = store.read(REF.stage, REF.fingerprint)
    except DamagedArtifact as exc:
        assert (exc.stage, exc.fingerprint) == (REF.stage, REF.fingerprint)
        found = None
    assert store.condition(REF).is_present == (found is not None)
    assert len(list(store.list("clean.text"))) == 1 + (found is not None)
    return found


def each_byte_another(data: bytes) -> Iterator[bytes]:
    dice = random.Random(SEED)
    for place in range(len(data)):
        for byte in {dice.choice(TELLING), dice.randrange(256)} - {data[place]}:
            yield data[:place] + bytes([byte]) + data[place + 1 :]


def cut_at_each_byte(data: bytes) -> Iterator[bytes]:
    yield from (data[:place] for place in range(0, len(data) - 1, 7))


def one_byte_more(data: bytes) -> Iterator[bytes]:
    dice = random.Random(SEED)
    for place in range(0, len(data), 3):
        yield data[:place] + bytes([dice.choice(TELLING)]) + data[place:]


@pytest.mark.parametrize("changes", [each_byte_another, cut_at_each_byte, one_byte_more])
def test_a_changed_manifest_is_damaged_or_says_what_it_said(
    store: Store, sealed: Path, changes: Callable[[bytes], Iterator[bytes]]
) -> None:
    whole, data = store.read(REF.stage, REF.fingerprint), sealed.read_bytes()
    num_damaged = 0
    for changed in changes(data):
        sealed.write_bytes(changed)
        found = read(store)
        num_damaged += found is None
        assert found in (None, whole), changed
    assert num_damaged > 0


VALUES = ("1e999", "-1e999", "NaN", "Infinity", "[]", "{}", "null", '""', "true", "-1", '"\\ud800"', "[[]]", "1" * 5000)


@pytest.mark.parametrize("value", VALUES)
def test_a_field_that_holds_another_kind_of_value_makes_it_damaged(store: Store, sealed: Path, value: str) -> None:
    content = json.loads(sealed.read_bytes())
    for name in content:
        sealed.write_text(json.dumps({**content, name: "HERE"}).replace('"HERE"', value), encoding="utf-8")
        assert read(store) is None, name


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "5", '"a"', "[" * 100_000, '{"seal": 1}'])
def test_what_is_no_manifest_at_all_is_damaged(store: Store, sealed: Path, text: str) -> None:
    sealed.write_text(text)
    assert read(store) is None


def test_a_manifest_that_is_whole_and_another_ones_is_damaged(store: Store, sealed: Path) -> None:
    """Also with all of its files: a folder that was copied under another name."""
    other = store.path(OTHER.stage, OTHER.fingerprint)
    sealed.write_bytes((other / MANIFEST).read_bytes())
    assert read(store) is None
    moved = store.root / "dedup" / OTHER.fingerprint
    moved.parent.mkdir()
    other.rename(moved)
    assert store.condition(Ref("dedup", OTHER.fingerprint)).reason == f"damaged: {MANIFEST}"
