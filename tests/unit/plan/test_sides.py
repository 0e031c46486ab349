"""Which share of what arrives is held out, and what is kept of benchmarks."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_lib.base.errors import DataError
from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.plan.sides import (
    DOCUMENT_BYTES,
    ENOUGH_DOCUMENTS,
    MOST_SHARE,
    Pin,
    num_documents,
    num_held_out,
    read_pin,
    save_pin,
    share_of_new,
)
from pipeline_lib.plan.tokenizer import Pinned
from pipeline_lib.register.settings import GateSettings
from pipeline_lib.run.maker import Work
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize.settings import TokenizeSettings
from pipeline_lib.tokenize.snapshot import SHARDS
from pipeline_lib.tokenize.works import merged_work
from tests.shelf import put

USUAL = 0.05
TOKENIZE = TokenizeSettings(heldout_share=USUAL)


def share(
    num_files: int,
    num_bytes: int = 0,
    *,
    there: int = 0,
    at_most: int = 400,
    usual: float = USUAL,
    asked: int = GateSettings().min_documents,
) -> float:
    tokenize, evaluate = TOKENIZE.model_copy(update={"heldout_share": usual}), EvaluateSettings(max_documents=at_most)
    return share_of_new(tokenize, evaluate, num_files, num_bytes, num_heldout=there, min_documents=asked)


def test_a_large_first_night_holds_out_the_usual_share() -> None:
    assert share(10_000) == USUAL
    assert share(3, 1000 * DOCUMENT_BYTES) == USUAL  # few files of many documents


def test_a_small_first_night_holds_out_as_much_as_makes_a_set_to_judge_on() -> None:
    assert share(400) == ENOUGH_DOCUMENTS / 400 == 0.10
    assert share(1, 300 * DOCUMENT_BYTES) == 0.14  # 40 of 300, rounded up


def test_a_very_small_night_keeps_most_of_it_to_learn_from() -> None:
    assert share(20) == share(1) == share(0) == MOST_SHARE


def test_nights_go_on_until_there_are_enough_and_then_hold_out_the_usual_share() -> None:
    assert share(100, there=30) == 0.10
    assert share(100, there=ENOUGH_DOCUMENTS) == share(1, there=ENOUGH_DOCUMENTS + 7) == USUAL


def test_a_benchmark_that_is_to_be_small_asks_for_no_more_than_fills_it() -> None:
    assert share(100, at_most=8) == 0.08
    assert share(100, there=8, at_most=8) == USUAL


@pytest.mark.parametrize(("asked", "enough"), [(2, 40), (20, 40), (21, 42), (60, 120), (150, 300), (900, 400)])
def test_a_gate_that_asks_for_more_gets_twice_as_many_as_far_as_there_are_places(asked: int, enough: int) -> None:
    assert share(4000, there=enough - 1, usual=0.0, asked=asked) > 0
    assert share(4000, there=enough, usual=0.0, asked=asked) == 0


def test_a_share_that_is_larger_by_choice_stays_that_large() -> None:
    assert share(20, usual=0.4) == 0.4


@given(st.integers(0, 10**6), st.integers(0, 10**12), st.integers(0, 1000), st.integers(1, 500))
def test_a_share_is_never_less_than_usual_and_few_different_ones_are_given(
    num_files: int, num_bytes: int, there: int, at_most: int
) -> None:
    found = share(num_files, num_bytes, there=there, at_most=at_most)
    assert USUAL <= found <= MOST_SHARE
    assert round(100 * found, 9).is_integer()
    expected = max(num_files, num_bytes // DOCUMENT_BYTES)
    wanted = min(ENOUGH_DOCUMENTS, at_most) - there
    assert found * expected >= min(wanted, MOST_SHARE * expected) - 1e-9  # enough, as far as there is text


def table(store: Store, name: str, **facts: Any) -> Ref:
    """A table of token shards that says this."""
    return put(store, Ref("tokenize", name), {}, outcome=Outcome(1, 1, facts=facts))


def test_what_is_held_out_and_stands_is_counted_over_the_sources_that_are_asked_for(store: Store) -> None:
    tables = [
        table(store, "t1", held_out={"docs": 9, "mail": 3}, live={"docs": {"num_held_out": 9}, "mail": {}}),
        table(store, "t2", held_out={"docs": 2}, live={"docs": {"num_held_out": -4, "num_bytes_en": 7}}),
        Ref("tokenize", "gone"),
    ]
    assert num_held_out(tables, {}, store, {"docs"}) == 5
    assert num_held_out(tables, {}, store, {"mail"}) == num_held_out([], {}, store, {"docs"}) == 0


def test_a_table_of_an_earlier_release_counts_with_what_it_has(store: Store) -> None:
    tables = [table(store, "old", held_out={"docs": 9}), table(store, "new", live={"docs": {"num_held_out": -4}})]
    assert num_held_out(tables, {}, store, {"docs"}) == 5
    assert num_held_out(tables[1:], {}, store, {"docs"}) == 0


def test_of_batches_without_a_table_yet_what_is_likely_is_counted(store: Store) -> None:
    facts = {"source": "docs", "num_held_out": 4}
    batch = put(store, Ref("ingest", "b"), {}, outcome=Outcome(9, 9, facts=facts))
    unmade = Work(SHARDS, inputs={"batch": batch}, members=(Ref("tokenize", "t1"),))
    made = table(store, "t1", live={"docs": {"num_held_out": 3}})
    merged = merged_work((made, unmade.ref))
    graph = {work.ref: work for work in (unmade, merged)}
    assert num_held_out([merged.ref], graph, store, {"docs"}) == 7
    assert num_held_out([merged.ref], graph, store, {"mail"}) == 0


def test_a_benchmark_that_is_gone_or_not_there_yet_has_no_documents(store: Store) -> None:
    assert num_documents(store, put(store, Ref("evaluate", "b"), {}, outcome=Outcome(5, 5))) == 5
    assert num_documents(store, Ref("evaluate", "gone")) == num_documents(store, None) == 0


def test_a_workspace_begins_without_benchmarks_and_keeps_what_it_is_given(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert read_pin(workspace) == Pin()
    newest = (Ref("tokenize", "t6"), Ref("tokenize", "t7"))
    kept = Pin(Ref("evaluate", "b"), 2, Ref("evaluate", "a"), ("language en",), 7, newest)
    save_pin(workspace, kept)
    assert read_pin(workspace) == kept


def test_benchmarks_that_stay_are_not_written_again(tmp_path: Path) -> None:
    workspace, pin = Workspace(tmp_path), Pin(Ref("evaluate", "b"), 1, drawn_up_to=1)
    save_pin(workspace, pin)
    path = workspace.state / "pins" / "benchmarks.json"
    inode = path.stat().st_ino
    save_pin(workspace, pin)
    assert path.stat().st_ino == inode


@pytest.mark.parametrize("kind", [Pin, Pinned])
@pytest.mark.parametrize(
    "text", ['{"generation": 2, "documents": [], "other": 1}', '{"a": 1}', "[]", '{"frozen": "b"}']
)
def test_a_pin_that_is_not_as_it_was_written_is_refused_also_where_all_of_it_has_defaults(
    tmp_path: Path, kind: type[Pin | Pinned], text: str
) -> None:
    workspace = Workspace(tmp_path)
    (workspace.state / "pins").mkdir(parents=True)
    (workspace.state / "pins" / "benchmarks.json").write_text(text)
    with pytest.raises(DataError, match="Put it back from a copy"):
        workspace.pin("benchmarks", kind)
