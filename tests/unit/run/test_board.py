"""The board of a batch: each stage reads what others have put up, adds its own, and carries on."""

from pathlib import Path

from pipeline_lib.dedup.stage import DECIDE, INDEX
from pipeline_lib.dedup.works import works as dedup_works
from pipeline_lib.run.board import Board
from pipeline_lib.run.carry import MERGED, Node
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.lists import MOST_MEMBERS, lists_work
from pipeline_lib.run.maker import Maker, Work
from pipeline_lib.stages import OF_A_BATCH, AllSettings, lay_out, with_sums
from pipeline_lib.store.artifact import Outcome, Ref


def make(_settings: None, _inputs: Inputs, _folder: Path) -> Outcome:
    return Outcome(0, 0)


TEXT = Maker("clean.text", 1, "documents.v2", make)
JUDGE = Maker("clean.judge", 1, "ledger.v1", make)
SUM = Maker("clean.sum", 1, "sum.v1", make)


def chain(name: str) -> dict[str, Work]:
    text = Work(TEXT, inputs={"raw": Ref("ingest", name)}, name=f"{name}: text")
    return {"text": text, "judged": Work(JUDGE, inputs={"text": text.ref}, name=f"{name}: judgement")}


def board_of(*shards: str) -> Board:
    chains = [chain(name) for name in shards]
    return Board("0003-docs", {"key_id": "k"}).with_chains("clean", chains, {"text": "texts", "judged": "judgements"})


def test_a_chain_for_each_shard_is_put_up_by_name_in_the_order_of_the_shards() -> None:
    board = board_of("a", "b")
    assert board.shards == {
        "text": (chain("a")["text"].ref, chain("b")["text"].ref),
        "judged": (chain("a")["judged"].ref, chain("b")["judged"].ref),
    }
    assert board.num_shards == 2
    [step] = board.steps
    assert (step.stage, step.label, step.key) == ("clean", "0003-docs", "clean-0003-docs")
    assert [[work.name for work in works] for works in step.chains] == [
        ["a: text", "a: judgement"],
        ["b: text", "b: judgement"],
    ]


def test_lists_are_put_up_whole_and_the_last_of_them_stands_for_the_step() -> None:
    board = board_of("a", "b")
    [step] = board.steps
    assert [work.name for work in step.wholes] == ["texts", "judgements"]
    assert [work.members for work in step.wholes] == [board.shards["text"], board.shards["judged"]]
    assert board.wholes == {"texts": step.wholes[0].ref, "judgements": step.wholes[1].ref}
    assert step.whole == step.wholes[1]


def test_what_is_not_listed_is_put_up_by_shard_alone() -> None:
    board = Board("x").with_chains("clean", [chain("a")], {"judged": "judgements"})
    assert board.shards.keys() == {"text", "judged"}
    assert board.wholes.keys() == {"judgements"}


def test_a_whole_of_the_stage_stands_for_the_step_and_comes_behind_the_lists_and_heads_before_all() -> None:
    whole, head = Work(SUM, params={"n": 1}, name="sum"), Work(SUM, params={"n": 0}, name="plan")
    board = Board("x").with_chains("clean", [chain("a")], {"judged": "judgements"}, [("sum", whole)], (head,))
    [step] = board.steps
    assert (step.whole, board.wholes["sum"]) == (whole, whole.ref)
    assert [work.name for work in step.works] == ["plan", "a: text", "a: judgement", "judgements", "sum"]


def test_a_batch_that_only_withdraws_has_no_shards_and_empty_lists() -> None:
    board = board_of()
    assert (board.num_shards, board.shards) == (0, {"text": (), "judged": ()})
    assert [work.members for work in board.steps[0].wholes] == [(), ()]
    assert Board("x").num_shards == 0


def test_a_long_list_is_put_up_by_its_last_part_the_whole() -> None:
    board = board_of(*(str(number) for number in range(MOST_MEMBERS + 1)))
    [step] = board.steps
    assert [work.name for work in step.wholes] == [
        "texts part 0",
        "texts part 1",
        "texts",
        "judgements part 0",
        "judgements part 1",
        "judgements",
    ]
    assert (board.wholes["judgements"], step.whole) == (step.wholes[-1].ref, step.wholes[-1])


def test_what_is_added_is_made_at_the_end_of_the_last_step_and_does_not_stand_for_it() -> None:
    added = Work(SUM, name="table")
    before = board_of("a")
    board = before.adding({"table": added})
    assert board.wholes["table"] == added.ref
    assert board.steps[-1].wholes == (*before.steps[-1].wholes, added)
    assert board.steps[-1].whole == before.steps[-1].whole
    assert "table" not in before.wholes  # a board is never changed


def test_what_is_carried_comes_to_the_next_batch_oldest_first() -> None:
    board = board_of("a")
    assert board.before("index") == ()
    for number in range(3):
        board = board.carrying("index", Ref("dedup", f"b{number}"), lambda refs: lists_work("dedup", refs))
    assert board.before("index") == (Ref("dedup", "b0"), Ref("dedup", "b1"), Ref("dedup", "b2"))
    assert board.steps == board_of("a").steps  # nothing was merged yet


def test_what_is_merged_on_the_way_is_made_at_the_end_of_the_step() -> None:
    old = tuple(Node(0, Ref("dedup", f"b{number}")) for number in range(MERGED - 1))
    board = Board("x", carried={"index": old}).with_chains("clean", [chain("a")], {"text": "texts"})
    merged = board.carrying("index", Ref("dedup", "b7"), lambda refs: lists_work("dedup", refs))
    [work] = merged.steps[-1].wholes[len(board.steps[-1].wholes) :]
    assert work.members == (*(node.ref for node in old), Ref("dedup", "b7"))
    assert merged.carried["index"] == (Node(1, work.ref),)


def test_each_stage_carries_the_sums_over_all_batches() -> None:
    board = with_sums(board_of("a"), "clean")
    assert board.before("clean") == (board.wholes["judgements"],)


def test_decisions_are_made_against_all_segments_before_and_what_is_oldest_is_told() -> None:
    """Behind the oldest segment nothing stands, so what it withdrew is done with; only that one may forget it."""
    board, decisions, merges = Board("first"), list[Ref](), list[Work]()
    for number in range(2 * MERGED):
        text = Ref("clean", f"text {number}")
        wholes = {"texts": text, "judgements": text, "batch": Ref("ingest", f"batch {number}")}
        before = board.before("index")
        board = dedup_works(AllSettings(), Board(f"{number}", {}, {"text": (text,)}, wholes, board.carried))
        [decided] = (work for work in board.steps[-1].wholes if work.maker == DECIDE)
        assert decided.members == before
        decisions.append(decided.ref)
        merges += (work for work in board.steps[-1].wholes if work.maker == INDEX)
    assert [work.members for work in merges] == [tuple(decisions[:MERGED]), tuple(decisions[MERGED:])]
    assert [work.params for work in merges] == [{"is_oldest": True}, {"is_oldest": False}]
    assert board.before("index") == tuple(work.ref for work in merges)


def test_stages_find_on_the_board_what_they_need_by_name() -> None:
    """In the order of the table, from what ingest puts up and the tokenizer, for a batch with and without shards."""
    for raw in ((Ref("ingest", "a"), Ref("ingest", "b")), ()):
        wholes = {"batch": Ref("ingest", "batch"), "tokenizer": Ref("tokenize", "t")}
        board = Board("0001-docs", {"key_id": "k"}, {"raw": raw}, wholes)
        for stage in OF_A_BATCH:
            board = lay_out(stage, AllSettings(), board)
            assert board.steps[-1].stage == stage.word
            assert len(board.steps[-1].chains) == len(raw)
            assert board.before(stage.word) == (board.steps[-1].whole.ref,)
        graph = {work.ref for step in board.steps for work in step.works} | {*raw, *wholes.values()}
        assert all(set(work.needs) <= graph for step in board.steps for work in step.works)
