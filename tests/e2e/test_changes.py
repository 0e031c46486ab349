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

from flows.halves import ingest
from pipeline_lib.base.errors import GuardStop
from pipeline_lib.plan.benchmarks import plan_benchmarks
from pipeline_lib.plan.data import DataPlan, plan_data, plan_sealed_data
from pipeline_lib.plan.reasons import explain
from pipeline_lib.plan.sides import read_pin
from pipeline_lib.plan.warm import warm
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store import schemas
from pipeline_lib.store.artifact import Manifest, read_manifest
from pipeline_lib.store.local import LIST, LISTS, Store
from pipeline_lib.store.shards import EXCLUDED_FILE, SHARDS_FILE
from pipeline_lib.store.workspace import Workspace
from tasks.steps import do_stage
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
OF_THE_NIGHT = ("tokenizer", "snapshot", "benchmarks")  # labels that are no batch's
Name = tuple[str, str, str]  # stage, batch, artifact


@dataclass(frozen=True)
class Night:
    """A night that was done, and the reason of each artifact that was made."""

    settings: Settings
    made: Mapping[Name, str]
    names: frozenset[str] = frozenset()  # of what was made, as "stage/fingerprint"

    @property
    def stages(self) -> set[str]:
        """The stages of batches that had something to do."""
        return {stage for stage, label, _ in self.made if label not in OF_THE_NIGHT}

    @property
    def labels(self) -> set[str]:
        """The batches that had something to do."""
        return {label for _, label, _ in self.made} - set(OF_THE_NIGHT)

    @property
    def plan(self) -> DataPlan:
        """What the data half comes to now."""
        return plan_sealed_data(self.settings, self.workspace)

    @property
    def workspace(self) -> Workspace:
        """Its workspace."""
        return Workspace(self.settings.workspace)

    @property
    def ids(self) -> set[str]:
        """Ids of the documents that the snapshot has."""
        return {row["document_id"] for row in self._documents()}

    @property
    def urls(self) -> set[str]:
        """Their URLs."""
        return {row["url"] for row in self._documents()}

    @property
    def tokenized_text(self) -> str:
        """All text that models are trained and judged on, read back from token ids."""
        store, plan = self.workspace.store, self.plan
        bpe = Tokenizer.from_file(str(store.path("tokenize", plan.tokenizer.ref.fingerprint) / "tokenizer.json"))
        texts = []
        for row in self._shards():
            path = store.path("tokenize", row["shard"]) / schemas.TOKENS_FILE
            with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
                rows = stream.read_all().select(["document_id", "ids"]).to_pylist()
            texts += [bpe.decode(one["ids"]) for one in rows if one["document_id"] not in row["excluded"]]
        return "".join(texts)

    def _documents(self) -> Iterable[dict[str, str]]:
        for row in self._shards():
            path = self.workspace.store.path("scrub", row["documents"]) / schemas.DOCUMENTS_FILE
            rows = pq.read_table(path, columns=["document_id", "url"]).to_pylist()
            yield from (one for one in rows if one["document_id"] not in row["excluded"])

    def _shards(self) -> list[dict[str, object]]:
        ref = self.plan.snapshot.whole.ref
        folder = self.workspace.store.path(ref.stage, ref.fingerprint)
        excluded = pq.read_table(folder / EXCLUDED_FILE).to_pylist()
        return [
            {**row, "excluded": {one["document_id"] for one in excluded if one["shard"] == row["shard"]}}
            for row in pq.read_table(folder / SHARDS_FILE).to_pylist()
        ]


def night(house: House, **changes: str) -> Night:
    """One night, whose plan must say exactly what is then made."""
    settings = tiny_settings(house.workspace, house.corpus, **changes)
    foreseen = planned(settings)
    before = sealed_at(house.workspace)
    refresh(settings)
    made = sealed_at(house.workspace).items() - before.items()
    assert {name for name, _ in made} == foreseen.keys()
    reasons = {(stage, label, name): reason for (stage, label, name, reason) in foreseen.values()}
    return Night(settings, reasons, frozenset(foreseen))


def planned(settings: Settings) -> dict[str, tuple[str, str, str, str]]:
    """What a night would make: (stage, batch, artifact, reason) by "stage/fingerprint"."""
    workspace = Workspace(settings.workspace)
    plan = plan_data(settings, workspace)
    benchmarks = plan_benchmarks(settings, workspace, plan)
    steps = [step for _, of_stage in plan.stages for step in of_stage]
    steps += [benchmarks.step] if benchmarks.step else []
    return {
        f"{line.stage}/{line.fingerprint}": (line.stage, line.label, line.name, line.reason)
        for _, lines in explain(steps, {**plan.graph, **benchmarks.graph}, workspace)
        for line in lines
        if line.action == "work"
    }


def digests(house: House, names: Iterable[str] | None = None) -> dict[str, str]:
    asked = artifacts(house.workspace) if names is None else names
    return {name: read_manifest(house.workspace / "artifacts" / name).digest for name in asked}


@pytest.fixture(scope="module")
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
    warm(asked, plan_data(settings, Workspace(settings.workspace)), settings)  # type: ignore[arg-type]
    return asked.num_workers


def test_as_many_workers_warm_up_as_new_documents_have_shards_and_none_with_nothing_new(home: House) -> None:
    assert warmed(home) == []
    write_lines(home.corpus / "more.jsonl", {"new": english(900)})
    assert warmed(home) == [1]
    write_lines(home.corpus / "much.jsonl", {f"new-{n}": english(1000 + n) for n in range(30)})
    assert warmed(home) == [2]  # 12,000 bytes a shard, and the second file has more


def test_of_new_documents_only_their_batch_is_worked_on(home: House) -> None:
    before = night(home).urls
    new = {"new": english(900), "exact": english(101), "near": english(102) + " Enough."}
    write_lines(home.corpus / "more.jsonl", new)
    done = night(home)
    assert done.labels == {"0002-docs"}
    assert done.stages == set(DATA_STAGES)
    assert {reason for (_, label, _), reason in done.made.items() if label == "0002-docs"} == {"new"}
    assert {name for stage, _, name in done.made if stage == "clean"} == {
        "shard 0: text", "shard 0: signals", "shard 0: terms", "shard 0: judgement", "texts", "judgements",
    }  # fmt: skip
    assert done.urls == before | {"more.jsonl#new"}


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
    assert [len(board.shards["raw"]) for board in at_once.plan.boards][1:] in ([1, 1], [])
    assert at_once.ids == incremental.ids
    names = [name for name in artifacts(elsewhere.workspace) if not name.startswith(("tokenize", "evaluate"))]
    assert digests(empty_house, [n for n in names if n in artifacts(empty_house.workspace)]) == {
        name: digest for name, digest in digests(elsewhere, names).items() if name in artifacts(empty_house.workspace)
    }
    own = {name for name in names if artifacts(elsewhere.workspace)[name].schema not in (LIST, LISTS)}
    assert own <= artifacts(empty_house.workspace).keys()


def _add_one_percent(home: House) -> None:
    write_lines(home.corpus / "more.jsonl", {"new": english(900)})


def _change_and_remove(home: House) -> None:
    (home.corpus / "note_100.txt").write_text(english(901), encoding="utf-8")
    (home.corpus / "note_101.txt").unlink()


def ingest_alone(house: House) -> None:
    """What `nightshift ingest` does."""
    with night_here(tiny_settings(house.workspace, house.corpus)) as here:
        ingest(plan_data(here.settings, here.workspace), here)


def test_a_changed_file_costs_its_new_documents_and_the_old_ones_are_left_out_by_a_list(home: House) -> None:
    (home.corpus / "note_103.txt").write_text(f"Zanzibar {english(903)}", encoding="utf-8")
    changed = night(home)
    assert changed.labels == {"0002-docs"}  # no shard of the first batch is written again
    assert "Zanzibar" in changed.tokenized_text

    (home.corpus / "note_103.txt").write_text(english(904), encoding="utf-8")
    again = night(home)
    assert again.labels == {"0003-docs"}
    assert "Zanzibar" not in again.tokenized_text
    assert len(again.urls) == 54


def test_edits_over_many_files_make_one_small_shard(home: House) -> None:
    for number in range(100, 106):
        place = home.corpus / f"note_{number}.txt"
        place.write_text(place.read_text(encoding="utf-8") + "\nOne sentence more stands here now.", encoding="utf-8")
    lines = (home.corpus / "b_chinese.jsonl").read_text(encoding="utf-8").splitlines()
    lines[3] = lines[3].replace("然后", "随后")
    (home.corpus / "b_chinese.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = night(home)
    assert done.labels == {"0002-docs"}
    assert {name for stage, _, name in done.made if stage == "scrub"} == {"shard 0", "scrubs"}
    assert len(done.urls) == 54


def test_a_file_that_is_gone_leaves_by_a_batch_of_tombstones_alone(home: House) -> None:
    before = night(home).urls
    (home.corpus / "note_104.txt").unlink()
    done = night(home)
    assert before - done.urls == {"note_104.txt"}
    assert not any(name.startswith("shard") for _, _, name in done.made)


def test_a_document_that_leaves_its_source_leaves_a_full_benchmark_and_another_takes_its_place(home: House) -> None:
    full = benchmark(home)
    assert len(full) == 12  # evaluate.max_documents
    kept = next(home.corpus / url for url in sorted(all_files(home) - full))
    kept.unlink()
    night(home)
    assert benchmark(home) == full  # one that it does not hold is no reason to draw it again
    gone = next(url for url in sorted(full) if "#" not in url)
    (home.corpus / gone).unlink()
    night(home)
    assert benchmark(home) >= full - {gone}
    assert gone not in benchmark(home)


def all_files(home: House) -> set[str]:
    """The files that are one document each."""
    return {path.name for path in home.corpus.iterdir() if path.suffix != ".jsonl"}


def benchmark(home: House) -> set[str]:
    """The documents that models are judged on, by URL."""
    workspace = Workspace(home.workspace)
    frozen = read_pin(workspace).frozen
    assert frozen is not None
    path = workspace.store.path(frozen.stage, frozen.fingerprint) / schemas.DOCUMENTS_FILE
    return set(pq.read_table(path, columns=["url"])["url"].to_pylist())


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


def test_a_changed_rule_reads_no_text_before_scrub_and_set_back_it_costs_nothing(home: House) -> None:
    changed = night(home, clean__rules__min_words__v1__at_least="40")
    assert changed.stages == {"clean", "dedup", "scrub", "tokenize"}
    makers = {name.partition(": ")[2] for stage, _, name in changed.made if stage == "clean" and "shard" in name}
    assert makers == {"judgement"}  # no extraction, no signals
    assert not any("sketch" in name for stage, _, name in changed.made if stage == "dedup")
    cause = "clean.judge: rules.min_words.v1.at_least 50 -> 40"
    assert changed.made["clean", "0001-docs", "shard 0: judgement"] == "rules.min_words.v1.at_least 50 -> 40"
    assert changed.made["dedup", "0001-docs", "decisions"] == cause
    assert changed.made["scrub", "0001-docs", "shard 0"] == cause
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
    left = {manifest.maker for name, manifest in artifacts(home.workspace).items() if name not in before}
    assert left == {"ingest.plan", "ingest.read", "ingest.list"}
    done = night(home, ingest__max_bad_share="1")
    assert {name for stage, label, name in done.made if (stage, label) == ("ingest", "0002-docs")} == {"batch"}


MAKERS = [
    "ingest.read", "ingest.batch", "clean.text", "clean.signals", "clean.terms", "clean.judge", "clean.list",
    "dedup.sketch", "dedup.decide", "scrub.text", "scrub.list", "tokenize.learn", "tokenize.encode",
    "tokenize.shards", "tokenize.snapshot",
]  # fmt: skip


@pytest.mark.parametrize("maker", MAKERS)
def test_a_lost_or_damaged_artifact_costs_its_rebuilding_where_it_is_needed_and_nothing_else(
    home: House, maker: str
) -> None:
    """What nothing needs any more is not missed; a changed rule then asks for all of it, and gets what there was."""
    before = digests(home)
    names = {name for name, m in artifacts(home.workspace).items() if m.maker == maker}
    assert names
    for name in names:
        damage(home.workspace / "artifacts" / name)
    done = night(home)
    assert done.names <= names
    assert all(reason.startswith("damaged: ") for reason in done.made.values())

    shutil.rmtree(home.workspace / "artifacts" / "tokenize")
    shutil.rmtree(home.workspace / "state" / "closed")
    again = night(home)
    assert {name for name in again.names if not name.startswith("tokenize/")} <= names
    unasked = names - done.names - again.names
    assert digests(home, before.keys() - unasked) == {name: before[name] for name in before.keys() - unasked}


def test_a_flipped_bit_that_no_clock_shows_is_healed_in_the_night_that_meets_it(home: House) -> None:
    before = digests(home)
    [decided] = [m for m in artifacts(home.workspace).values() if m.maker == "dedup.decide"]
    path = home.workspace / "artifacts" / "dedup" / decided.fingerprint / "index.parquet"
    times = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    write_lines(home.corpus / "more.jsonl", {"near": english(102) + " Enough."})
    settings = tiny_settings(home.workspace, home.corpus)
    assert {label for _, label, _, _ in planned(settings).values()} - set(OF_THE_NIGHT) == {"0002-docs"}
    refresh(settings)
    assert "more.jsonl#near" not in Night(settings, {}).urls
    assert digests(home, before) == before


def test_a_lost_raw_shard_whose_files_have_changed_costs_nothing_while_nothing_needs_it(home: House) -> None:
    write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(1, 24)})
    night(home)
    for raw in [m for m in artifacts(home.workspace).values() if m.maker == "ingest.read"]:
        shutil.rmtree(home.workspace / "artifacts" / "ingest" / raw.fingerprint)
    write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(1, 24)} | {"en-0": english(990)})
    done = night(home)
    assert done.labels == {"0003-docs"}
    assert [batch.number for batch in done.workspace.batches()] == [1, 2, 3]
    assert night(home).made == {}


def test_a_batch_is_given_up_only_when_something_needs_what_is_gone_for_good(home: House) -> None:
    write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(1, 24)})
    night(home)
    store = Workspace(home.workspace).store
    for maker in ("ingest.read", "clean.text"):
        for lost in [m for m in artifacts(home.workspace).values() if m.maker == maker]:
            shutil.rmtree(store.path(lost.ref.stage, lost.fingerprint))
    write_lines(home.corpus / "a_english.jsonl", {f"en-{n}": english(n) for n in range(1, 24)} | {"en-0": english(990)})
    assert night(home).labels == {"0003-docs"}
    shutil.rmtree(home.workspace / "artifacts" / "tokenize")
    shutil.rmtree(home.workspace / "artifacts" / "scrub")
    shutil.rmtree(home.workspace / "state" / "closed")
    settings = tiny_settings(home.workspace, home.corpus)
    plan = plan_data(settings, Workspace(home.workspace))
    assert [batch.number for batch in plan.found.given_up] == [1, 2, 3]
    done = night(home)
    assert [batch.number for batch in done.workspace.batches()] == [4]
    fresh = House(home.workspace.with_name("fresh"), home.corpus)
    assert done.ids == night(fresh).ids


def test_a_damaged_batch_is_rebuilt_in_the_same_night_that_takes_in_new_files(home: House) -> None:
    batch = Workspace(home.workspace).batches()[0].fingerprint
    before = digests(home)
    (home.corpus / "note_103.txt").write_text(english(903), encoding="utf-8")
    shutil.rmtree(home.workspace / "artifacts" / "ingest" / batch)
    done = night(home)
    assert done.made["ingest", "0001-docs", "batch"] == "deleted"
    assert [b.number for b in done.workspace.batches()] == [1, 2]
    assert digests(home, before) == before


def test_a_rule_that_would_drop_far_more_than_the_night_before_stops_the_night(home: House) -> None:
    before = set(artifacts(home.workspace))
    rule = {"clean__rules__min_words__v1__at_least": "130", "guards__min_documents": "20"}
    with pytest.raises(GuardStop) as stopped:
        night(home, **rule)
    words = str(stopped.value)
    assert "clean 0001-docs: 48 of 62 documents (77%) would go (too_few_words 48), against 0% before" in words
    assert "guards.max_drop_increase is 30%" in words
    new = [m for name, m in artifacts(home.workspace).items() if name not in before]
    assert {m.maker for m in new} == {"clean.judge"}
    done = night(home, **rule, guards__max_drop_increase="1")
    assert len(done.urls) == 14
    assert {name for stage, _, name in done.made if stage == "clean"} >= {"judgements"}
    assert not any("judgement" in name and "shard" in name for stage, _, name in done.made if stage == "clean")


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
    tokenizer = night(home).plan.tokenizer.ref.fingerprint
    before = digests(home, [f"tokenize/{tokenizer}"])
    (home.corpus / "note_106.txt").write_text(english(906), encoding="utf-8")
    night(home)
    shutil.rmtree(home.workspace / "artifacts" / "tokenize" / tokenizer)
    assert night(home).made == {("tokenize", "tokenizer", "tokenizer"): "deleted"}
    assert digests(home, before) == before


def test_a_source_that_is_taken_out_of_the_settings_leaves_the_snapshot_and_is_named(home: House) -> None:
    other = write_lines(home.corpus.parent / "other" / "notes.jsonl", {f"o{n}": english(700 + n) for n in range(6)})
    both = json.dumps([
        {"kind": "files", "name": "docs", "path": str(home.corpus)},
        {"kind": "files", "name": "notes", "path": str(other.parent)},
    ])  # fmt: skip
    with_both = night(home, ingest__sources=both)
    assert len(with_both.urls) == 60
    without = night(home)
    assert without.labels == set()
    assert len(without.urls) == 54
    ref = without.plan.snapshot.whole.ref
    assert without.workspace.store.read(ref.stage, ref.fingerprint).facts["not_asked_for"] == ["notes"]
    assert night(home, ingest__sources=both).made == {}


def test_whole_batches_of_many_nights_are_closed_share_one_task_and_are_not_looked_at(home: House) -> None:
    for number in range(5):
        write_lines(home.corpus / f"more_{number}.jsonl", {"new": english(960 + number)})
        night(home)
    settings = tiny_settings(home.workspace, home.corpus)
    plan = plan_data(settings, Workspace(home.workspace))
    assert (plan.found.closed.count, plan.boards) == (6, ())
    with night_here(settings) as here:
        seen: list[tuple[str, int]] = []
        here.reporter.finished = lambda stage, label, result: seen.append((label, result.rows_in))  # type: ignore
        do_stage("clean", plan_data(here.settings, here.workspace), here)
    assert seen == [("6 earlier batches", 67)]


def test_closed_batches_laid_out_again_are_what_they_were(home: House) -> None:
    """The record of closed batches is derived: without it, all is found whole and nothing is made."""
    for number in range(9):  # more than eight: nodes are merged
        write_lines(home.corpus / f"more_{number}.jsonl", {"new": english(960 + number)})
        night(home)
    shutil.rmtree(home.workspace / "state" / "closed")
    settings = tiny_settings(home.workspace, home.corpus)
    assert len(plan_data(settings, Workspace(home.workspace)).boards) == 10
    assert night(home).made == {}
    assert plan_data(settings, Workspace(home.workspace)).boards == ()


def test_manifests_name_their_makers(home: House) -> None:
    found: Mapping[str, Manifest] = artifacts(home.workspace)
    assert {m.maker for m in found.values()} >= set(MAKERS)
    assert isinstance(Workspace(home.workspace).store, Store)
