"""The contract: seals, digests, and what is left after a failure."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from pipeline_lib.base.errors import DamagedArtifact, DataError, UpstreamError
from pipeline_lib.store.artifact import MANIFEST, SEAL, Manifest, Outcome, Ref
from pipeline_lib.store.local import INCOMING, VERIFIED, Store

NAME = "0123456789abcdef"
REF = Ref("clean", NAME)


def seal(store: Store, text: str = "words", outcome: Outcome | None = None) -> Manifest:
    with store.draft(REF) as draft:
        (draft.path / "documents.parquet").write_text(text)
        return draft.seal(
            outcome or Outcome(3, 2, {"too_short": 1}),
            maker="clean.text",
            version=1,
            schema="documents.v2",
            settings={"limit": 5},
            inputs={"documents": Ref("ingest", "ffff")},
        )


def test_a_sealed_artifact_opens_with_its_file_and_counts(store: Store) -> None:
    seal(store)
    opened = store.open("clean", NAME)
    assert opened.file("documents.parquet").read_text() == "words"
    assert (opened.manifest.rows_in, opened.manifest.rows_out, dict(opened.manifest.dropped)) == (
        3,
        2,
        {"too_short": 1},
    )


def test_a_document_lost_without_a_reason_is_refused_and_nothing_is_left(store: Store) -> None:
    with pytest.raises(DataError, match="3 documents in, 2 out and 0 dropped do not add up"):
        seal(store, outcome=Outcome(3, 2))
    assert list(store.root.glob("*/*")) == []


def test_equal_bytes_have_equal_digests_whenever_they_were_made(store: Store) -> None:
    first = seal(store)
    second = seal(store)
    assert first.digest == second.digest
    assert replace(first, made={}) == replace(second, made={})
    assert seal(store, "other").digest != first.digest


@pytest.mark.parametrize("stamps", [None, "{}", '{"documents.parquet": null}'])
def test_a_lost_file_is_noticed_also_where_nothing_is_known_of_it(store: Store, stamps: str | None) -> None:
    seal(store)
    folder = store.path("clean", NAME)
    (folder / "documents.parquet").unlink()
    (folder / VERIFIED).unlink()
    if stamps is not None:
        (folder / VERIFIED).write_text(stamps)
    assert store.condition(REF).reason == "damaged: documents.parquet"


def test_one_flipped_bit_is_noticed_on_open(store: Store) -> None:
    seal(store)
    path = store.path("clean", NAME) / "documents.parquet"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    with pytest.raises(DamagedArtifact, match=r"documents\.parquet: missing, or its sha256 differs"):
        store.open("clean", NAME)


def test_condition_tells_present_missing_damaged_and_deleted_files_apart(store: Store) -> None:
    assert store.condition(REF).reason == "missing"
    seal(store)
    assert store.condition(REF).is_present
    path = store.path("clean", NAME) / "documents.parquet"
    path.write_text("wordz")
    assert store.condition(REF).reason == "damaged: documents.parquet"
    path.unlink()
    assert store.condition(REF).reason == "damaged: documents.parquet"
    (path.parent / MANIFEST).write_text("{")
    assert store.condition(REF).reason == f"damaged: {MANIFEST}"


def test_a_touched_but_equal_file_is_still_whole(store: Store) -> None:
    seal(store)
    os.utime(store.path("clean", NAME) / "documents.parquet", (1, 1))
    assert store.condition(REF).is_present


def test_sealing_again_replaces_a_damaged_artifact(store: Store) -> None:
    seal(store)
    (store.path("clean", NAME) / "documents.parquet").write_text("broken")
    seal(store)
    assert store.open("clean", NAME).file("documents.parquet").read_text() == "words"


def test_an_unknown_file_of_an_artifact_is_named(store: Store) -> None:
    seal(store)
    with pytest.raises(DataError, match=r"holds no file 'ledger\.parquet'"):
        store.open("clean", NAME).file("ledger.parquet")


@pytest.mark.parametrize("point", ["before_seal", "before_rename", "after_rename"])
def test_a_kill_leaves_nothing_half_written_under_a_final_name(store: Store, point: str) -> None:
    program = (
        "from pathlib import Path; from pipeline_lib.store.artifact import Outcome, Ref\n"
        "from pipeline_lib.store.local import Store\n"
        f"with Store(Path({str(store.root)!r})).draft(Ref('clean', {NAME!r})) as draft:\n"
        "    (draft.path / 'documents.parquet').write_text('words')\n"
        "    draft.seal(Outcome(1, 1), maker='clean.text', version=1, schema='documents.v2')\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "NIGHTSHIFT_FAIL": f"clean:{point}:1"},
        start_new_session=True,
        check=False,
    )
    assert killed.returncode == -9
    assert store.condition(REF).is_present == (point == "after_rename")
    leftovers = list((store.root / INCOMING).iterdir())
    assert store.sweep() == len(leftovers) == (0 if point == "after_rename" else 1)
    assert {path.name for path in (store.root / "clean").glob("*")} <= {NAME}
    assert not list((store.root / INCOMING).iterdir())


def test_a_full_disk_is_one_clear_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline_lib.store.sealed.fsync_file", full)
    with pytest.raises(UpstreamError, match=r"no space left for this file .* Free some space and run the same command"):
        seal(store)
    assert not store.condition(REF).is_present


def numbers_in(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Where the numbers of a JSON value stand."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in numbers_in(item, (*path, key))]
    if isinstance(value, list):
        return [found for at, item in enumerate(value) for found in numbers_in(item, (*path, at))]
    return [path] if isinstance(value, int | float) else []


def test_a_manifest_that_is_written_again_is_read_again_although_its_size_and_time_are_as_they_were(
    store: Store,
) -> None:
    seal(store)
    path = store.path(REF.stage, REF.fingerprint) / "manifest.json"
    assert store.condition(REF).is_present
    before, text = path.stat(), path.read_text()
    path.write_text(text.replace('"rows_out": 2', '"rows_out": 3'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert store.condition(REF).reason == "damaged: manifest.json"


def test_each_number_and_word_of_a_manifest_is_covered_by_its_seal(store: Store) -> None:
    seal(store, outcome=Outcome(3, 2, {"too_short": 1}, facts={"is_passed": False, "gain": 0.5, "reason": "refused"}))
    place = store.path("clean", NAME) / MANIFEST
    content = json.loads(place.read_text())
    paths = [*numbers_in(content), ("facts", "reason"), ("maker",), ("schema",), ("inputs", "documents", "fingerprint")]
    assert len(paths) > 10
    for path in paths:
        changed = json.loads(json.dumps(content))
        inner = changed
        for step in path[:-1]:
            inner = inner[step]
        was = inner[path[-1]]
        inner[path[-1]] = (not was) if isinstance(was, bool) else was + 1 if isinstance(was, int | float) else was + "x"
        place.write_text(json.dumps(changed))
        with pytest.raises(DamagedArtifact, match="changed after it was written") as caught:
            store.read("clean", NAME)
        assert (caught.value.stage, caught.value.fingerprint) == ("clean", NAME)
        assert store.condition(REF).reason == f"damaged: {MANIFEST}"
    place.write_text(json.dumps({**content, SEAL: content[SEAL]}))
    assert store.read("clean", NAME).facts["reason"] == "refused"
