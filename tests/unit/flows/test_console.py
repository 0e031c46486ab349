"""What a person sees of a night, on a terminal and in a pipe."""

import io
import json
from typing import Any

from rich.console import Console

from flows.console import ConsoleReporter
from flows.show.tables import lasting, number
from pipeline_lib.model.records import Scores
from pipeline_lib.run.step import Done
from pipeline_lib.store.artifact import Ref
from tests.unit.flows.conftest import Nights

SCORES = Scores(
    candidate="challenger",
    benchmark="frozen",
    generation=1,
    bits_per_byte=2.5621,
    bits_per_byte_low=2.5098,
    bits_per_byte_high=2.6174,
    byte_perplexity=5.9056,
    unigram_bits_per_byte=2.8943,
    confidence=0.95,
    num_documents=346,
    model_bytes=5_005_776,
)
PASSED_OVER = {
    ".png": {"num_files": 1_200, "example": "reports/2024 [final].png"},
    "hidden": {"num_files": 3, "example": None},
    **{f".{kind}": {"num_files": 2, "example": f"x.{kind}"} for kind in ("a", "b", "c")},
}


def _figures(**changes: Any) -> dict[str, Any]:
    return dict(SCORES.figures) | changes


def _stage(stage: str, rows_in: int, rows_out: int, **more: Any) -> dict[str, Any]:
    return {"stage": stage, "rows_in": rows_in, "rows_out": rows_out, "dropped": {}, "facts": {}} | more


def _night(**changes: Any) -> dict[str, Any]:
    many = {f"reason_{n}": 10 - n for n in range(8)}
    tokens = {"num_tokens": 2_324_111, "num_documents": 6_504, "num_bytes": 9_000_000}
    stages = [
        _stage("ingest", 11_962, 11_961, dropped={"contains_nul": 1}),
        _stage("clean", 11_961, 7_001, dropped={"too_few_words": 4_178} | many),
        _stage("dedup", 7_001, 6_504),
        _stage("scrub", 6_504, 6_504, facts={"num_bytes": 9, "num_email": 51, "num_phone": 24, "num_card": 0}),
        _stage("tokenize", 6_504, 6_504, facts=tokens),
    ]
    training = {
        "num_steps": 42,
        "num_tokens": 172_032,
        "first_loss": 8.3327,
        "branch_loss": 6.2796,
        "num_parameters": 1_250_432,
        "unread_tokens": 0,
    }
    refresh = {
        "stages": stages,
        "changes": ["docs: 3 files new [draft] :smile:"],
        "notes": ["tokenizer provisional, learned from 9 bytes of kept text: 12 more are missing to pin one"],
        "passed_over": {"docs": PASSED_OVER, "more": {}},
        "snapshot": {"num_documents": 6_100, "num_tokens": 2_100_000},
        "num_heldout": 346,
        "bytes_per_token": [
            {"language": "en", "now": 4.212, "then": 4.25, "is_new": False},
            {"language": "zh", "now": 1.019, "then": 4.1, "is_new": True},
        ],
    }
    return {
        "refresh": refresh,
        "training": training,
        "is_trained": True,
        "scores": {"challenger, frozen-1": _figures()},
        "verdict": "version 2 promoted: accepted",
        "model": "nightshift-demo",
    } | changes


def _written(night: dict[str, Any], *, width: int = 200, is_terminal: bool = False, urls: tuple[str, ...] = ()) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=is_terminal, highlight=False, markup=False, emoji=False)
    with ConsoleReporter(console) as reporter:
        reporter.started("clean", "0001-docs")
        reporter.progress(1, 2, "shards")
        result = Done(Ref("clean", "x"), False, 2, 1, 9, 7, {}, seconds=1.25)
        reporter.finished("clean", "0001-docs", result)
        reporter.finished("train", "model", result)
        reporter.summary(night, seconds=321.4, urls=urls)
    return out.getvalue()


def test_a_stage_by_itself_says_why_documents_went() -> None:
    out = io.StringIO()
    dropped = {"invalid_csv": 1_200, "empty_file": 3}
    result = Done(Ref("ingest", "x"), False, 2, 1, 9, 7, dropped, seconds=1.25)
    for gives_reasons, is_there in ((True, True), (False, False)):
        with ConsoleReporter(Console(file=out, width=200, highlight=False), gives_reasons=gives_reasons) as reporter:
            reporter.finished("ingest", "0001-docs", result)
        assert ("invalid_csv 1,200, empty_file 3" in out.getvalue()) == is_there
        out.truncate(0)


def test_the_end_of_a_night_says_all_that_people_ask_for() -> None:
    written = _written(_night())
    for said in (
        "11,962  11,961  contains_nul 1",
        "too_few_words 4,178, reason_0 10",
        "4 more reasons",
        "new            docs: 3 files new",
        "note           tokenizer provisional, learned from 9 bytes",
        "personal data  replaced: email 51, phone 24\n",  # nothing of a kind that was not found
        "tokens         2,100,000 of 6,100 documents to train on; models are judged on 346 held-out documents\n",
        "bytes a token  en 4.21 (4.25), zh 1.02 (4.10 of all text); in brackets when the tokenizer was learned\n",
        "training       42 steps over 172,032 tokens; loss 8.33 -> 6.28 nats per token; 1,250,432 parameters\n",
        "bits per byte on 346 held-out documents (frozen-1)",
        "2.894",
        "2.510 .. 2.617",
        "nightshift-demo version 2 promoted: accepted  (321.4 s)",
        "nightshift up",
    ):
        assert said in written, said


def test_what_is_passed_over_is_a_line_a_source_with_the_largest_kinds_first() -> None:
    lines = [line for line in _written(_night()).split("\n") if line.startswith("passed over")]
    assert lines == [
        "passed over    docs: 1,209 files are not read: .png 1,200 (reports/2024 [final].png), hidden 3, .a 2 (x.a), "
        ".b 2 (x.b), 1 more kinds"
    ]


def test_each_benchmark_has_its_table_and_each_candidate_its_line() -> None:
    fresh = {"benchmark": "fresh", "generation": 3, "num_documents": 21, "unigram_bits_per_byte": 3.5}
    scores = {
        "challenger, frozen-1": _figures(),
        "challenger, fresh-3": _figures(**fresh, bits_per_byte=3.25),
        "int8, frozen-1": _figures(candidate="int8", bits_per_byte=2.75, model_bytes=1_900_000),
        "champion until then (version 1), frozen-1": _figures(candidate="champion", version=1, bits_per_byte=2.125),
    }
    written = _written(_night(scores=scores))
    frozen, _, rest = written.partition("bits per byte on 346 held-out documents (frozen-1)")[2].partition("\n\n")
    names = [line.split("  ")[0] for line in frozen.split("\n")[1:]]
    assert names == [
        "unigram model (token frequencies alone)",
        "challenger",
        "challenger int8",
        "champion until then (version 1)",
    ]
    assert [line.split()[-4:] for line in frozen.split("\n") if "int8" in line] == [["..", "2.617", "5.91", "1.9"]]
    assert rest.startswith("bits per byte on 21 held-out documents (fresh-3)")
    assert "3.250" in rest.split("\n")[2]


def test_three_benchmarks_are_three_tables_in_the_order_in_which_they_come() -> None:
    """The night behind a new generation: in its table candidate follows candidate, each on all three."""
    benchmarks = [("frozen", 2), ("fresh", 3), ("frozen", 1)]
    scores = {
        f"{candidate}, {benchmark}-{generation}": _figures(candidate=kind, benchmark=benchmark, generation=generation)
        for candidate, kind in (("challenger", "challenger"), ("int8", "int8"), ("before", "champion"))
        for benchmark, generation in benchmarks
    }
    written = _written(_night(scores=scores))
    tables = [part.split("\n") for part in written.split("bits per byte on ")[1:]]
    assert [table[0].partition("(")[2].partition(")")[0] for table in tables] == ["frozen-2", "fresh-3", "frozen-1"]
    for _, unigram, *rows in tables:
        assert unigram.startswith("unigram model")
        assert [row.split("  ")[0] for row in rows[:3]] == ["challenger", "challenger int8", "before"]


def test_a_figure_that_nobody_could_give_is_a_dash() -> None:
    nothing = dict.fromkeys(("bits_per_byte", "bits_per_byte_low", "byte_perplexity", "unigram_bits_per_byte"))
    written = _written(_night(scores={"challenger, frozen-1": _figures(**nothing, confidence=None, num_documents=0)}))
    line = next(line for line in written.split("\n") if line.startswith("challenger"))
    assert line.split() == ["challenger", "-", "-", "-", "5.0"]


def test_a_night_that_trained_nothing_says_so() -> None:
    stands = _written(_night(is_trained=False))
    assert "training       nothing was trained; the model that stands: 42 steps over 172,032 tokens" in stands
    none = _night(scores={}, verdict="nothing trained: train.budget_minutes is 0 and there is no model yet")
    for name in ("training", "is_trained", "model"):
        del none[name]
    written = _written(none)
    assert "training       nothing was trained, and there is no model yet\n" in written
    assert "\nnothing trained: train.budget_minutes is 0 and there is no model yet  (321.4 s)" in written
    assert "bits per byte" not in written


def test_text_that_is_left_to_read_is_told() -> None:
    night = _night()
    night["training"]["unread_tokens"] = 12_345
    assert "1,250,432 parameters; 12,345 tokens are left to read\n" in _written(night)
    night["training"]["read"] = {"num_tokens": 6_000}
    assert "12,345 tokens are left to read: about 3 nights\n" in _written(night)


def test_a_real_data_half_gives_all_that_the_summary_says_of_it(nights: Nights) -> None:
    written = _written(_night(refresh=nights.last))
    held_out = nights.last["num_heldout"]
    trained = nights.last["snapshot"]["num_documents"]
    assert 0 < held_out < 45 and 0 < trained <= 46 - held_out
    for said in (
        "new            docs: 1 file new\n",
        "passed over    docs: 3 files are not read: .png 2 (report.png), no suffix 1 (LICENSE)\n",
        "personal data  replaced: email 1\n",
        f"of {trained} documents to train on; models are judged on {held_out} held-out documents\n",
        "exact_duplicate 1, near_duplicate 1",
    ):
        assert said in written, said
    json.dumps(nights.last)  # it is kept with the record of the run


def test_steps_of_clean_that_changed_texts_have_a_table_and_without_any_there_is_none() -> None:
    assert "steps of clean" not in _written(_night())
    night = _night()
    facts = {"num_changed_by.rewrites.foo.v1": 1_200, "num_chars_removed_by.rewrites.foo.v1": -35}
    night["refresh"]["stages"][1]["facts"] = {"num_changed_by.invisible.v1": 3, "num_spared_by.invisible.v1": 2} | facts
    lines = [line.split() for line in _written(night).splitlines()]
    assert ["steps", "of", "clean", "documents", "characters", "less", "let", "alone"] in lines
    assert ["invisible.v1", "3", "0", "2"] in lines
    assert ["rewrites.foo.v1", "1,200", "-35", "0"] in lines


def test_the_table_of_steps_has_the_seconds_of_a_processor_where_something_was_made_tonight() -> None:
    night = _night()
    night["refresh"]["stages"][1]["facts"] = {"num_changed_by.invisible.v1": 3}
    took = {"clean.text": 9.0, "clean.text/extraction": 2.5, "clean.text/invisible.v1": 0.25, "clean.signals": 4.0}
    night["refresh"]["cpu_seconds"] = {**took, "clean.list": 3.0, "dedup.sketch": 7.0, "clean.text/tags.v1": 0.0002}
    lines = [line.split() for line in _written(night).splitlines()]
    at = lines.index(["steps", "of", "clean", "documents", "characters", "less", "let", "alone", "CPU", "seconds"])
    assert lines[at + 1 : at + 5] == [
        ["extraction", "-", "-", "-", "2.50"],
        ["invisible.v1", "3", "0", "0", "0.25"],
        ["clean.signals", "-", "-", "-", "4.00"],
        [],
    ]


def test_open_servers_are_named_by_their_addresses() -> None:
    written = _written(_night(), urls=("http://127.0.0.1:4200", "http://127.0.0.1:5000"))
    assert "Prefect  http://127.0.0.1:4200\nMLflow   http://127.0.0.1:5000" in written
    assert "nightshift up " not in written


def test_brackets_and_colons_in_names_stay_as_they_are() -> None:
    assert "docs: 3 files new [draft] :smile:" in _written(_night())


def test_a_pipe_gets_plain_lines_and_a_terminal_colours() -> None:
    assert "\x1b" not in _written(_night())
    assert "\x1b" in _written(_night(), width=80, is_terminal=True)


def test_a_finished_step_is_one_line_with_counts_where_it_has_documents() -> None:
    clean, train = (line.split() for line in _written(_night()).split("\n") if "1 reused" in line)
    assert clean == ["clean", "0001-docs", "9", "in", "7", "kept", "1.2", "s,", "1", "reused"]
    assert train == ["train", "model", "1.2", "s,", "1", "reused"]


def test_durations_and_values_are_written_as_people_read_them() -> None:
    assert [lasting(seconds) for seconds in (0.04, 9.94, 59.4, 60, 321, 7805)] == [
        "0.0 s",
        "9.9 s",
        "59 s",
        "1 min 00 s",
        "5 min 21 s",
        "2 h 10 min",
    ]
    assert [number(value) for value in (26.0, 6158, 0.74587, "en", True)] == ["26", "6,158", "0.7459", "en", "True"]
