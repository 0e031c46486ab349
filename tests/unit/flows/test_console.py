"""What a person sees of a night, on a terminal and in a pipe."""

import io
from typing import Any

from rich.console import Console

from flows.console import ConsoleReporter
from flows.show.tables import lasting, number
from pipeline_lib.run.step import Done
from pipeline_lib.store.artifact import Ref

SCORES = {
    "bits_per_byte": 2.5621,
    "bits_per_byte_low": 2.5098,
    "bits_per_byte_high": 2.6174,
    "byte_perplexity": 5.9056,
    "unigram_bits_per_byte": 2.8943,
    "confidence": 0.95,
    "num_documents": 346,
    "model_bytes": 5_005_776,
}


def _stage(stage: str, rows_in: int, rows_out: int, **more: Any) -> dict[str, Any]:
    return {"stage": stage, "rows_in": rows_in, "rows_out": rows_out, "dropped": {}, "facts": {}} | more


def _night() -> dict[str, Any]:
    many = {f"reason_{n}": 10 - n for n in range(8)}
    tokens = {"num_train_tokens": 2_324_111, "num_train_documents": 6_158, "num_heldout_documents": 346}
    stages = [
        _stage("ingest", 11_962, 11_961, dropped={"contains_nul": 1}),
        _stage("clean", 11_961, 7_001, dropped={"too_few_words": 4_178} | many),
        _stage("dedup", 7_001, 6_504),
        _stage("scrub", 6_504, 6_504, facts={"num_email": 51, "num_phone": 24, "num_card": 0}),
        _stage("tokenize", 6_504, 6_504, facts=tokens),
    ]
    training = {
        "num_steps": 42,
        "num_tokens": 172_032,
        "first_loss": 8.3327,
        "branch_loss": 6.2796,
        "num_parameters": 1_250_432,
    }
    return {
        "refresh": {"stages": stages, "changes": ["docs: 3 files new [draft] :smile:"]},
        "training": training,
        "scores": {"challenger": SCORES},
        "verdict": "version 2 promoted: accepted",
        "model": "nightshift-demo",
    }


def _written(*, width: int, is_terminal: bool, urls: tuple[str, ...] = ()) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=is_terminal, highlight=False, markup=False, emoji=False)
    with ConsoleReporter(console) as reporter:
        reporter.started("clean", "0001-docs")
        reporter.progress(1, 2, "shards")
        result = Done(Ref("clean", "x"), False, 2, 1, 9, 7, {}, seconds=1.25)
        reporter.finished("clean", "0001-docs", result)
        reporter.summary(_night(), seconds=321.4, urls=urls)
    return out.getvalue()


def test_the_end_of_a_night_says_all_that_people_ask_for() -> None:
    written = _written(width=200, is_terminal=False)
    for said in (
        "11,962  11,961  contains_nul 1",
        "too_few_words 4,178, reason_0 10",
        "4 more reasons",
        "replaced: email 51, phone 24\n",  # nothing of a kind that was not found
        "2,324,111 of 6,158 documents; 346 documents held out",
        "42 steps over 172,032 tokens; loss 8.33 -> 6.28 nats per token; 1,250,432 parameters",
        "bits per byte on 346 held-out documents",
        "2.894",
        "2.510 .. 2.617",
        "nightshift-demo version 2 promoted: accepted  (321.4 s)",
        "nightshift up",
    ):
        assert said in written, said


def test_open_servers_are_named_by_their_addresses() -> None:
    written = _written(width=200, is_terminal=False, urls=("http://127.0.0.1:4200", "http://127.0.0.1:5000"))
    assert "Prefect  http://127.0.0.1:4200\nMLflow   http://127.0.0.1:5000" in written
    assert "nightshift up " not in written


def test_brackets_and_colons_in_names_stay_as_they_are() -> None:
    assert "docs: 3 files new [draft] :smile:" in _written(width=200, is_terminal=False)


def test_a_pipe_gets_plain_lines_and_a_terminal_colours() -> None:
    assert "\x1b" not in _written(width=200, is_terminal=False)
    assert "\x1b" in _written(width=80, is_terminal=True)


def test_a_finished_step_is_one_line_with_its_counts() -> None:
    line = next(line for line in _written(width=200, is_terminal=False).split("\n") if "1 reused" in line)
    assert line.split() == ["clean", "0001-docs", "9", "in", "7", "kept", "1.2", "s,", "1", "reused"]


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
