"""What comes in, changes, leaves or breaks between two nights, and that only what it touches is done again.

Each night here is the data half of the real plan, in this process. In all of them what the plan foresaw is compared
with what was made.
"""

import gzip
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from pipeline_lib.base.errors import DamagedArtifact, GuardStop
from pipeline_lib.plan.data import DataPlan, plan_data
from pipeline_lib.plan.reasons import explain_step
from pipeline_lib.plan.warm import warm
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store import schemas
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.store.workspace import Workspace
from tasks.settle import settle_batches
from tasks.steps import do_steps
from tests.tiny_night import (
    House,
    artifacts,
    copy_house,
    damage,
    english,
    night_here,
    refresh,
    sealed_at,
    tiny_settings,
    write_corpus,
    write_lines,
)

DATA_STAGES = ("ingest", "clean", "dedup", "scrub", "tokenize")
Name = tuple[str, str, str]  # stage, batch, artifact


@dataclass(frozen=True)
class Night:
    """A night that was done: its plan, and the reason of each artifact that was made."""

    plan: DataPlan
    settings: Settings
    made: Mapping[Name, str]

    @property
    def stages(self) -> set[str]:
        """The stages that had something to do."""
        return {stage for stage, _, _ in self.made}

    @property
    def ids(self) -> set[str]:
        """Ids of the documents that are there at the end."""
        return {name for table in self._tables(schemas.DOCUMENTS_FILE) for name in table["document_id"].to_pylist()}

    @property
    def urls(self) -> set[str]:
        """Their URLs."""
        return {url for table in self._tables(schemas.DOCUMENTS_FILE) for url in table["url"].to_pylist()}

    @property
    def tokenized_text(self) -> str:
        """All text that models are trained and judged on, read back from token ids and held-out documents."""
        store = Workspace(self.settings.workspace).store
        tokenizer = self.plan.tokens.tokenizer.whole.fingerprint
        bpe = Tokenizer.from_file(str(store.path("tokenize", tokenizer) / "tokenizer.json"))
        texts = []
        for step in self.plan.tokens.tokens:
            for work in step.shards:
                folder = store.path("tokenize", work.fingerprint)
                with pa.ipc.open_file(folder / schemas.TOKENS_FILE) as file:
                    texts += [bpe.decode(row) for row in file.read_all()["ids"].to_pylist()]
                texts += pq.read_table(folder / schemas.HELDOUT_FILE)["text"].to_pylist()
        return "".join(texts)

    def _tables(self, name: str) -> Iterable[pa.Table]:
        store = Workspace(self.settings.workspace).store
        for step in self.plan.documents.scrub:
            for work in step.shards:
                yield pq.read_table(store.path("scrub", work.fingerprint) / name)


def night(house: House, **changes: str) -> Night:
    """One night, whose plan must say exactly what is then made."""
    settings = tiny_settings(house.workspace, house.corpus, **changes)
    foreseen = planned(settings)
    before = sealed_at(house.workspace)
    plan = refresh(settings)
    made = sealed_at(house.workspace).items() - before.items()
    assert {name for name, _ in made} == foreseen.keys()
    return Night(plan, settings, {(stage, label, name): reason for (stage, label, name, reason) in foreseen.values()})


def planned(settings: Settings) -> dict[str, tuple[str, str, str, str]]:
    """What a night would make: (stage, batch, artifact, reason) by "stage/fingerprint"."""
    workspace = Workspace(settings.workspace)
    plan = plan_data(settings, workspace)
    lines = [line for steps in plan.stages for step in steps for line in explain_step(step, workspace)]
    return {
        f"{line.stage}/{line.fingerprint}": (line.stage, line.label, line.name, line.reason)
        for line in lines
        if line.action == "work"
    }


def digests(house: House, names: Iterable[str] | None = None) -> dict[str, str]:
    found = artifacts(house.workspace)
    return {name: found[name].digest for name in (found if names is None else names)}


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A workspace with one night behind it. Never change it: ask for `home` instead."""
    root = tmp_path_factory.mktemp("first")
    made = House(root / "workspace", write_corpus(root / "corpus"))
    refresh(tiny_settings(made.workspace, made.corpus))
    return made


@pytest.fixture
def home(first_night: House, tmp_path: Path) -> House:
    """A copy of that workspace and of its documents."""
    return copy_house(first_night, tmp_path / "home")


def test_a_night_with_nothing_new_makes_nothing(home: House) -> None:
    done = night(home)
    assert done.made == {}
    assert len(done.urls) == 54


class Asked:
    """Stands for the engine: how many workers were to warm up."""

    def __init__(self) -> None:
        self.num_workers: list[int] = []

    def warm(self, function: object, job: object, num_workers: int) -> None:
        """See `Engine.warm`."""
        self.num_workers.append(num_workers)


def warmed(house: House) -> list[int]:
    """For how many workers tonight's plan has a use."""
    settings, asked = tiny_settings(house.workspace, house.corpus), Asked()
    workspace = Workspace(settings.workspace)
    warm(asked, plan_data(settings, workspace), settings, workspace)  # type: ignore[arg-type]
    return asked.num_workers


def test_as_many_workers_warm_up_as_new_documents_have_shards_and_none_with_nothing_new(home: House) -> None:
    assert warmed(home) == []
    write_lines(home.corpus / "more.jsonl", {"new": english(900)})
    assert warmed(home) == [1]
    write_lines(home.corpus / "much.jsonl", {f"new-{n}": english(1000 + n) for n in range(30)})
    assert warmed(home) == [2]  # 12,000 bytes a shard, and the second file has more


def test_of_new_documents_only_their_batch_is_worked_on(home: House) -> None:
    before = night(home)
    new = {"new": english(900), "exact": english(101), "near": english(102) + " Enough."}
    write_lines(home.corpus / "more.jsonl", new)
    done = night(home)
    expected = {(stage, "0002-docs", name) for stage in DATA_STAGES for name in ("shard 0", "batch")}
    assert done.made == dict.fromkeys(expected, "new") | {("tokenize", "snapshot", "snapshot"): "input changed"}
    assert done.urls == before.urls | {"more.jsonl#new"}
    assert done.plan.tokens.heldout_shards == before.plan.tokens.heldout_shards


def test_nights_one_by_one_give_the_bytes_of_a_run_from_nothing_over_the_same_batches(
    empty_house: House, tmp_path: Path
) -> None:
    elsewhere = House(tmp_path / "elsewhere", empty_house.corpus)
    states = [lambda: None, lambda: _add_one_percent(home=empty_house), lambda: _change_and_remove(empty_house)]
    for change in states:
        change()
        ingest_alone(elsewhere)
        incremental = night(empty_house)
    at_once = night(elsewhere)
    assert [len(step.whole.shards) for step in at_once.plan.documents.ingest][1:] == [1, 1]
    assert at_once.ids == incremental.ids
    names = [name for name in artifacts(elsewhere.workspace) if not name.startswith("tokenize")]
    assert digests(empty_house, names) == digests(elsewhere, names)


def _add_one_percent(home: House) -> None:
    write_lines(home.corpus / "more.jsonl", {"new": english(900)})


def _change_and_remove(home: House) -> None:
    (home.corpus / "note_100.txt").write_text(english(901), encoding="utf-8")
    (home.corpus / "note_101.txt").unlink()


def ingest_alone(house: House) -> None:
    """What `nightshift ingest` does."""
    with night_here(tiny_settings(house.workspace, house.corpus)) as here:
        plan = plan_data(here.settings, here.workspace).documents
        do_steps(plan.ingest, here)
        settle_batches(plan, here)


def test_of_a_changed_file_only_the_shard_that_held_it_is_done_again(home: House) -> None:
    shard = shard_of(home, "note_103.txt")
    assert "reader" not in (home.corpus / "note_103.txt").read_text()
    (home.corpus / "note_103.txt").write_text(f"Zanzibar {english(903)}", encoding="utf-8")
    changed = night(home)
    again = {(stage, "0001-docs", name) for stage in ("scrub", "tokenize") for name in (f"shard {shard}", "batch")}
    new = {(stage, "0002-docs", name) for stage in DATA_STAGES for name in ("shard 0", "batch")}
    assert changed.made.keys() == again | new | {("tokenize", "snapshot", "snapshot")}
    assert {changed.made[name] for name in again} == {"input changed"}
    assert "Zanzibar" in changed.tokenized_text

    (home.corpus / "note_103.txt").write_text(english(904), encoding="utf-8")
    assert "Zanzibar" not in night(home).tokenized_text


def shard_of(house: House, url: str) -> int:
    """The index of the shard of the first batch that holds a document."""
    store = Workspace(house.workspace).store
    [batch] = [manifest for manifest in artifacts(house.workspace).values() if is_batch("ingest", manifest)]
    found = [
        number
        for number, name in enumerate(batch.shards)
        if url in pq.read_table(store.path("ingest", name) / schemas.DOCUMENTS_FILE)["url"].to_pylist()
    ]
    return found[0]


def is_batch(stage: str, manifest: Manifest) -> bool:
    return (manifest.stage, manifest.kind) == (stage, "batch")


def test_a_file_that_is_gone_leaves_by_a_batch_of_tombstones_alone(home: House) -> None:
    before = night(home)
    (home.corpus / "note_104.txt").unlink()
    done = night(home)
    assert before.urls - done.urls == {"note_104.txt"}
    assert {name for stage, batch, name in done.made if batch == "0002-docs"} == {"batch"}
    assert Workspace(home.workspace).store.read("ingest", done.plan.documents.batches[1].fingerprint).shards == ()


def test_a_document_that_was_gone_and_is_back_counts_against_duplicates_again(home: House) -> None:
    text = english(105)
    (home.corpus / "note_105.txt").unlink()
    assert "note_105.txt" not in night(home).urls
    (home.corpus / "note_105.txt").write_text(text, encoding="utf-8")
    assert "note_105.txt" in night(home).urls
    (home.corpus / "note_950.txt").write_text(f"{text} Enough.", encoding="utf-8")
    done = night(home)
    assert "note_950.txt" not in done.urls
    assert "note_105.txt" in done.urls


def test_a_changed_rule_leaves_ingest_alone_and_set_back_it_costs_nothing(home: House) -> None:
    changed = night(home, clean__rules__min_words__v1__at_least="40")
    assert changed.stages == {"clean", "dedup", "scrub", "tokenize"}
    assert changed.made["clean", "0001-docs", "shard 0"] == "settings changed: rules.min_words.v1.at_least 50 -> 40"
    assert changed.made["dedup", "0001-docs", "shard 0"] == "input changed"
    assert ("tokenize", "tokenizer", "tokenizer") not in changed.made
    assert night(home).made == {}


def test_broken_files_and_lines_are_put_aside_and_come_in_once_they_are_repaired(home: House) -> None:
    lines = [json.dumps({"id": f"x{n}", "text": english(920 + n)}) for n in range(4)]
    whole = gzip.compress("\n".join(lines).encode())
    (home.corpus / "late.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    torn = json.dumps({"id": "y", "text": english(930)})
    (home.corpus / "torn.jsonl").write_text(f"{torn}\n{torn[:40]}\n", encoding="utf-8")
    broken = night(home, ingest__max_bad_share="0.5")
    [batch] = Workspace(home.workspace).batches()[1:]
    manifest = Workspace(home.workspace).store.read("ingest", batch.fingerprint)
    assert sum(manifest.dropped.values()) == 2
    assert manifest.dropped["invalid_json"] == 1
    assert "torn.jsonl#y" in broken.urls

    (home.corpus / "late.jsonl.gz").write_bytes(whole)
    write_lines(home.corpus / "torn.jsonl", {"y": english(930), "z": english(931)})
    healed = night(home)
    assert {"torn.jsonl#y", "torn.jsonl#z", *(f"late.jsonl.gz#x{n}" for n in range(4))} <= healed.urls
    assert night(home).made == {}


def test_too_much_broken_input_stops_the_night_before_its_batch_is_sealed(home: House) -> None:
    before = set(artifacts(home.workspace))
    (home.corpus / "torn.jsonl").write_text("no JSON\n" * 20, encoding="utf-8")
    with pytest.raises(GuardStop, match=r"20 of 20 records .*torn\.jsonl:1: invalid JSON"):
        night(home)
    assert len(Workspace(home.workspace).batches()) == 1
    left = {name: manifest.kind for name, manifest in artifacts(home.workspace).items() if name not in before}
    assert set(left.values()) == {"shard"}
    done = night(home, ingest__max_bad_share="1")
    assert ("ingest", "0002-docs", "batch") in done.made
    assert ("ingest", "0002-docs", "shard 0") not in done.made


KINDS = [
    ("ingest", "shard"), ("ingest", "batch"), ("clean", "shard"), ("clean", "batch"), ("dedup", "shard"),
    ("dedup", "batch"), ("scrub", "shard"), ("scrub", "batch"), ("tokenize", "shard"), ("tokenize", "batch"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "kind"), KINDS)
def test_a_deleted_or_damaged_artifact_is_noticed_and_rebuilt_as_it_was(home: House, stage: str, kind: str) -> None:
    before = digests(home)
    names = [name for name, m in artifacts(home.workspace).items() if (m.stage, m.kind) == (stage, kind)]
    for name in names:
        damage(home.workspace / "artifacts" / name)
    damaged = night(home)
    assert len(damaged.made) == len(names)
    assert {reason.split(":")[0] for reason in damaged.made.values()} == {"damaged"}
    assert digests(home) == before

    for name in names:
        shutil.rmtree(home.workspace / "artifacts" / name)
    deleted = night(home)
    assert deleted.made == dict.fromkeys(damaged.made, "deleted")
    assert digests(home) == before


def test_a_flipped_bit_that_no_clock_shows_is_found_by_who_reads_it_and_healed_by_the_next_night(home: House) -> None:
    before = digests(home)
    [deduped] = [m for m in artifacts(home.workspace).values() if is_batch("dedup", m)]
    for path in (home.workspace / "artifacts" / "dedup" / deduped.fingerprint).glob("part-*/documents.parquet"):
        times = path.stat()
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    write_lines(home.corpus / "more.jsonl", {"near": english(102) + " Enough."})
    assert {label for _, label, _, _ in planned(tiny_settings(home.workspace, home.corpus)).values()} == {
        "0002-docs",
        "snapshot",
    }
    with pytest.raises(DamagedArtifact, match=r"part-\d+/documents\.parquet"):
        night(home)
    done = night(home)
    assert done.made["dedup", "0001-docs", "batch"].startswith("damaged: part-")
    assert "more.jsonl#near" not in done.urls
    assert digests(home, before) == before


def test_a_damaged_batch_is_rebuilt_in_the_same_night_that_takes_in_new_files(home: House) -> None:
    shard = shard_of(home, "note_103.txt")
    batch = Workspace(home.workspace).batches()[0].fingerprint
    before = digests(home)
    (home.corpus / "note_103.txt").write_text(english(903), encoding="utf-8")
    shutil.rmtree(home.workspace / "artifacts" / "ingest" / batch)
    done = night(home)
    assert done.made["ingest", "0001-docs", "batch"] == "deleted"
    assert done.made["scrub", "0001-docs", f"shard {shard}"] == "input changed"
    assert [b.number for b in done.plan.documents.batches] == [1, 2]
    assert digests(home, before) == before


def test_a_damaged_shard_whose_files_changed_is_given_up_and_read_anew(home: House) -> None:
    english_ids = {f"en-{n}": english(n) for n in range(1, 24)}
    write_lines(home.corpus / "a_english.jsonl", english_ids)  # en-0 lost its address: a small second batch
    night(home)
    store, first = Workspace(home.workspace).store, Workspace(home.workspace).batches()[0]
    lost = store.read("ingest", first.fingerprint).shards[shard_of_line(home, first.fingerprint)]
    damage(store.path("ingest", lost))
    write_lines(home.corpus / "a_english.jsonl", english_ids | {"en-0": english(990)})
    done = night(home)
    assert [batch.number for batch in done.plan.documents.batches] == [3]
    assert set(done.plan.tokens.heldout_shards) == {work.fingerprint for work in done.plan.tokens.tokens[0].shards}

    fresh = House(home.workspace.with_name("fresh"), home.corpus)
    assert done.ids == night(fresh).ids
    assert night(home).made == {}


def shard_of_line(house: House, batch: str) -> int:
    store = Workspace(house.workspace).store
    members = pq.read_table(store.path("ingest", batch) / "members.parquet", filters=[("path", "=", "a_english.jsonl")])
    return int(members["shard"][0].as_py())


def test_a_rule_that_would_drop_far_more_than_the_night_before_stops_the_night(home: House) -> None:
    before = set(artifacts(home.workspace))
    rule = {"clean__rules__min_words__v1__at_least": "130", "guards__min_documents": "20"}
    with pytest.raises(GuardStop) as stopped:
        night(home, **rule)
    words = str(stopped.value)
    assert "clean 0001-docs: 48 of 62 documents (77%) would go (too_few_words 48), against 0% before" in words
    assert "guards.max_drop_increase is 30%" in words
    assert not [m for name, m in artifacts(home.workspace).items() if name not in before and m.kind == "batch"]
    done = night(home, **rule, guards__max_drop_increase="1")
    assert len(done.urls) == 14
    assert {name for stage, _, name in done.made if stage == "clean"} == {"batch"}  # its shards were there


def test_a_batch_that_would_lose_far_more_than_the_one_before_stops_the_night(home: House) -> None:
    write_lines(home.corpus / "short.jsonl", {f"s{n}": f"Text {n} is too short." for n in range(25)})
    with pytest.raises(GuardStop, match=r"clean 0002-docs: 25 of 25 documents \(100%\) .*max_drop_share is 90%"):
        night(home, guards__min_documents="20")
    done = night(home, guards__min_documents="20", guards__max_drop_share="1", guards__max_drop_increase="1")
    assert len(done.urls) == 54


def test_documents_that_were_withdrawn_are_no_loss_that_stops_a_night(home: House) -> None:
    (home.corpus / "a_english.jsonl").unlink()
    done = night(home, guards__min_documents="2", guards__max_drop_increase="0.05")
    assert len(done.urls) == 30


def test_a_lost_tokenizer_is_trained_again_on_the_text_it_was_pinned_to(home: House) -> None:
    tokenizer = night(home).plan.tokens.tokenizer.whole.fingerprint
    before = digests(home, [f"tokenize/{tokenizer}"])
    (home.corpus / "note_106.txt").write_text(english(906), encoding="utf-8")
    replaced = {work.fingerprint for step in night(home).plan.documents.scrub for work in step.shards}
    shutil.rmtree(home.workspace / "artifacts" / "tokenize" / tokenizer)
    assert night(home).made == {("tokenize", "tokenizer", "tokenizer"): "deleted"}
    assert digests(home, before) == before

    for folder in [home.workspace / "artifacts" / "tokenize" / tokenizer, *old_scrubbed(home, replaced)]:
        shutil.rmtree(folder)
    renewed = night(home)
    assert renewed.plan.tokens.tokenizer.whole.fingerprint != tokenizer
    assert night(home).made == {}


def old_scrubbed(house: House, now: set[str]) -> list[Path]:
    shards = [m for m in artifacts(house.workspace).values() if (m.stage, m.kind) == ("scrub", "shard")]
    return [house.workspace / "artifacts" / "scrub" / m.fingerprint for m in shards if m.fingerprint not in now]


def test_whole_batches_of_many_nights_share_one_task_and_leave_nothing_else_behind(home: House) -> None:
    for number in range(5):
        write_lines(home.corpus / f"more_{number}.jsonl", {"new": english(960 + number)})
        night(home)
    with night_here(tiny_settings(home.workspace, home.corpus)) as here:
        seen: list[tuple[str, int]] = []
        here.reporter.finished = lambda stage, label, result: seen.append((label, result.rows_in))  # type: ignore
        do_steps(plan_data(here.settings, here.workspace).documents.clean, here)
    assert seen == [("6 batches of earlier nights", 67)]
    remembered = {path.stem for path in (home.workspace / "state" / "last").glob("clean-*")}
    assert remembered == {f"clean-{number:04d}-docs" for number in range(1, 7)}
