"""What comes in, changes or leaves between two nights, and that only what it touches is done again.

Each night here is the data half of the real plan, in this process.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from flows.halves import ingest
from pipeline_lib.plan.data import plan_data
from pipeline_lib.plan.night import fits_of, notes_of
from pipeline_lib.plan.sides import read_pin
from pipeline_lib.plan.warm import warm
from pipeline_lib.store import schemas
from pipeline_lib.store.local import LIST, LISTS
from pipeline_lib.store.workspace import Workspace
from tasks.steps import do_stage
from tests.data_nights import DATA_STAGES, Night, digests, night
from tests.tiny_night import (
    SOURCE,
    House,
    artifacts,
    chinese,
    english,
    night_here,
    tiny_settings,
    write_lines,
)


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


def test_a_full_benchmark_that_may_hold_more_is_filled_from_what_is_there(empty_house: House) -> None:
    night(empty_house, evaluate__max_documents="3")
    few = benchmark(empty_house)
    assert night(empty_house, evaluate__max_documents="6").made == {
        ("evaluate", "benchmarks", "frozen benchmark"): "max_documents 3 -> 6"
    }
    assert len(few) == 3 and few < benchmark(empty_house) and len(benchmark(empty_house)) == 6
    for limit in ("6", "4"):
        assert night(empty_house, evaluate__max_documents=limit).made == {}
    assert len(benchmark(empty_house)) == 6


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


def test_a_source_that_is_renamed_is_a_duplicate_of_what_it_was_and_the_night_says_so(home: House) -> None:
    """Decision 0002: what an earlier batch kept stands, whoever asks for it. Under its old name all is as it was."""
    renamed = json.dumps([{"kind": "files", "name": "papers", "path": str(home.corpus)}])
    other = night(home, ingest__sources=renamed)
    assert other.urls == set()
    (said,) = [note for note in notes_of(other.plan, other.workspace.store) if note.startswith("not asked for: docs")]
    assert said.endswith("stays out as its duplicate: so does all of a source that was renamed")
    assert len(night(home).urls) == 54


def test_a_language_that_the_tokenizer_has_not_learned_is_told_and_another_generation_learns_it(tmp_path: Path) -> None:
    house = House(tmp_path / "workspace", tmp_path / "corpus")
    house.corpus.mkdir()
    for number in range(20):
        (house.corpus / f"note_{number}.txt").write_text(english(number), encoding="utf-8")
    first = night(house)
    assert _told(first) == []
    for number in range(40):
        (house.corpus / f"page_{number}.txt").write_text(chinese(number), encoding="utf-8")
    second = night(house)
    assert [fit.language for fit in fits_of(second.plan, second.workspace.store) if fit.is_new] == ["zh"]
    (told,) = _told(second)
    assert "zh at 1." in told
    assert "tokenize.generation = 2" in told
    renewed = night(house, tokenize__generation="2")
    assert _told(renewed) == []
    assert all(fit.now > 2 for fit in fits_of(renewed.plan, renewed.workspace.store))


def _told(done: Night) -> list[str]:
    """What the plan says now of how the tokenizer fits."""
    return [note for note in notes_of(done.plan, done.workspace.store) if "fits" in note]


def test_a_snapshot_of_days_has_what_arrived_on_them_and_whole_again_it_costs_nothing(home: House) -> None:
    urls = night(home).urls
    first, *_ = Workspace(home.workspace).batches()
    (home.corpus / "note_960.txt").write_text(english(960), encoding="utf-8")
    assert night(home).urls == urls | {"note_960.txt"}
    workspace = Workspace(home.workspace)
    _age(workspace, first.number)
    newest = night(home, ingest__sources=_asking(home, arrived_from=workspace.batches()[-1].arrived))
    assert newest.urls == {"note_960.txt"}
    assert newest.stages == set()  # no batch is worked on
    assert night(home, ingest__sources=_asking(home, arrived_until="2020-01-02")).urls == urls
    assert night(home).made == {}


def _age(workspace: Workspace, number: int) -> None:
    """As if the batches up to this one had arrived long ago."""
    batches = workspace.batches()
    workspace.save_batches([replace(b, arrived="2020-01-01") if b.number <= number else b for b in batches])


def _asking(home: House, **days: str) -> str:
    """The only source, of which the snapshot asks for some days."""
    return json.dumps([{"kind": "files", "name": SOURCE, "path": str(home.corpus), **days}])


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
    for number in range(9):  # more than four: nodes are merged
        write_lines(home.corpus / f"more_{number}.jsonl", {"new": english(960 + number)})
        night(home)
    shutil.rmtree(home.workspace / "state" / "closed")
    settings = tiny_settings(home.workspace, home.corpus)
    assert len(plan_data(settings, Workspace(home.workspace)).boards) == 10
    assert night(home).made == {}
    assert plan_data(settings, Workspace(home.workspace)).boards == ()
