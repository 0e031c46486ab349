"""How long steps took: beside what they did, and in nothing that names or decides."""

from pathlib import Path

import pyarrow as pa

from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.stage import TEXT
from pipeline_lib.clean.steps.apply import changed_texts
from pipeline_lib.clean.steps.counts import Count, added, cpu_seconds_of, facts_of, is_of_texts, table_of
from pipeline_lib.run.execute import execute
from pipeline_lib.run.maker import work_of
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.schemas import DOCUMENTS_FILE
from tests.shelf import documents, put

SETTINGS = CleanSettings(steps={"invisible.v1": True})
ROWS = [{"document_id": f"d{number}", "text": "a\x07b"} for number in range(50)]


def test_each_step_that_is_on_has_its_seconds_and_they_add_up() -> None:
    texts = pa.array(["in\u200bvisible\x07 and more of it"] * 2_000, pa.large_string())
    _, counts = changed_texts(SETTINGS, texts)
    took = cpu_seconds_of(counts)
    assert took.keys() == {"unicode_repair.v1", "invisible.v1"}
    assert all(seconds > 0 for seconds in took.values())
    assert cpu_seconds_of(added(counts, counts)) == {name: 2 * seconds for name, seconds in took.items()}


def test_they_are_no_facts_and_make_no_two_counts_different() -> None:
    assert facts_of({"tags.v1": Count(3, 9, cpu_seconds=1.5)}) == facts_of({"tags.v1": Count(3, 9)})
    assert Count(3, cpu_seconds=1.0) == Count(3, cpu_seconds=2.0)


def made(root: Path) -> Manifest:
    raw = put(Store(root / "artifacts"), Ref("ingest", "raw"), {DOCUMENTS_FILE: documents(ROWS)})
    return execute(work_of(TEXT, SETTINGS, documents=raw), root)


def test_a_manifest_tells_them_beside_its_seconds_and_has_the_same_digest_and_facts_each_time(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one"), made(tmp_path / "other")
    parts = ("extraction", "unicode_repair.v1", "invisible.v1")
    assert one.cpu_seconds.keys() == {"clean.text", *(f"clean.text/{part}" for part in parts)}
    assert (one.digest, one.facts, one.files) == (other.digest, other.facts, other.files)
    assert "cpu_seconds" not in one.facts and one.made["cpu_seconds"] == dict(one.cpu_seconds)


def test_a_table_has_what_changes_texts_before_what_measures_them() -> None:
    took = {"clean.judge": 1.0, "clean.text": 5.0, "clean.text/tags.v1": 2.0, "scrub.text": 3.0}
    rows = table_of({"invisible.v1": Count(4)}, took)
    assert [(name, count.num_changed, count.cpu_seconds) for name, count in rows] == [
        ("tags.v1", 0, 2.0), ("invisible.v1", 4, 0.0), ("clean.judge", 0, 1.0),
    ]  # fmt: skip
    assert [is_of_texts(name) for name, _ in rows] == [True, True, False]
