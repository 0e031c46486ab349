"""What the maker opens: the snapshot says what there is, the cursor what is read of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline_lib.model.reading.snapshot import (
    EXCLUDED_FILE,
    SHARDS_FILE,
    Arrived,
    excluded_schema,
    shards_schema,
)
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.tables import write_parquet
from pipeline_lib.train import stage
from pipeline_lib.train.cursor import Cursor, write_cursor
from pipeline_lib.train.repeat import SETTINGS, STEPS, leave_repeat
from pipeline_lib.train.settings import TrainSettings
from tests.given import LooseStore

SHARDS = [Arrived(name, 0.25, 3, 1000, "batch", name) for name in ("first", "second")]


def write_snapshot(folder: Path, excluded: Mapping[str, Sequence[str]]) -> None:
    """Both files of a snapshot. `excluded` are ids of documents by shard."""
    left = [{"shard": shard, "document_id": name} for shard, names in excluded.items() for name in sorted(names)]
    write_parquet(pa.Table.from_pylist([asdict(one) for one in SHARDS], shards_schema()), folder / SHARDS_FILE)
    write_parquet(pa.Table.from_pylist(left, excluded_schema()), folder / EXCLUDED_FILE)


def opened(
    folder: Path,
    *,
    cursor: Cursor | None = None,
    excluded: Mapping[str, Sequence[str]] | None = None,
    benchmark: bool = False,
    num_rows: int = 4,
    repeated: Mapping[str, Any] | None = None,
) -> stage.TrainInputs:
    """The inputs of a training of these shards; the folders are empty but for the snapshot and the cursor."""
    store = LooseStore()
    for name in ("snapshot", "tokenizer", "trunk", "benchmark"):
        (folder / name).mkdir()
    write_snapshot(folder / "snapshot", excluded or {})
    store.folders.update({Ref("tokenize", one.shard): folder / one.shard for one in SHARDS})
    names = ["snapshot", "tokenizer"] + ["trunk"] * (cursor is not None) + ["benchmark"] * benchmark
    if cursor is not None:
        (folder / "trunk" / "trunk").mkdir()
        write_cursor(cursor, folder / "trunk" / "trunk")
    named = {name: store.add(name, folder / name) for name in names}
    if repeated is not None:
        leave_repeat(folder / "work", repeated)
    inputs = Inputs(store, named, {"num_rows": num_rows}, work_folder=folder / "work")  # type: ignore[arg-type]
    return stage.train_inputs(TrainSettings().only(stage.READS), inputs)


def test_a_first_training_opens_what_is_unread(tmp_path: Path) -> None:
    inputs = opened(tmp_path, excluded={"second": ["b", "a"]})
    assert [one.arrived for one in inputs.tokens] == SHARDS
    assert [one.path for one in inputs.tokens] == [tmp_path / name / "tokens.arrow" for name in ("first", "second")]
    assert [one.excluded for one in inputs.tokens] == [(), ("a", "b")]
    assert (inputs.trunk, inputs.heldout, inputs.num_rows) == (None, (), 4)
    assert inputs.tokenizer == tmp_path / "tokenizer"


def test_a_trunk_brings_its_cursor_and_what_is_not_needed_stays_closed(tmp_path: Path) -> None:
    """Of what was read before enough for all rows is opened; here that is all of it, or none."""
    inputs = opened(tmp_path, cursor=Cursor(5, {"first": 1}), benchmark=True, num_rows=0)
    assert [one.path is not None for one in inputs.tokens] == [False, True]
    assert inputs.trunk == tmp_path / "trunk" / "trunk"
    assert inputs.heldout == (tmp_path / "benchmark" / "documents.parquet",)


@pytest.mark.parametrize("num_epochs", [1, 2])
def test_a_lost_training_opens_what_it_read_by_its_own_passes_not_by_todays(tmp_path: Path, num_epochs: int) -> None:
    assert TrainSettings().num_epochs == 1
    lost = {**dict.fromkeys((*SETTINGS, *STEPS), 1), "num_epochs": num_epochs}
    inputs = opened(tmp_path, cursor=Cursor(5, {"first": 1, "second": 1}), num_rows=0, repeated=lost)
    assert [one.path is not None for one in inputs.tokens] == [num_epochs == 2] * 2


def test_the_maker_sees_all_settings_but_those_that_make_the_planned_end_and_those_that_decide_nothing() -> None:
    others = {"packing": "best_fit", "document_borders": "attend", "role": "trial"}  # than those that are left out
    decisive = set(TrainSettings().model_copy(update=others).decisive())
    assert set(stage.TRAIN.reads) == decisive
    assert TrainSettings().only(stage.READS).model_dump() == TrainSettings().model_dump()


@pytest.mark.parametrize("name", ["max_steps", "num_epochs", "budget_minutes", "threads", "start_documents"])
def test_what_does_not_enter_the_name_of_a_training(name: str) -> None:
    assert name not in TrainSettings().decisive()
