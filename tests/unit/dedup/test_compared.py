"""Texts are read where they lie, whatever the order in which the past names them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pipeline_lib.dedup.compared import read_sets
from pipeline_lib.dedup.entries import from_index
from pipeline_lib.dedup.schemas import INDEX_SCHEMA

if TYPE_CHECKING:
    from tests.unit.dedup.conftest import Nights


def test_a_shard_that_is_named_twice_is_read_in_the_order_of_its_names(nights: "Callable[..., Nights]") -> None:
    row = nights()
    row.decide({"one": "one", "two": "two words", "three": "three words here", "four": "and four words more"})
    named = row.rows(row.segments[0])
    entries = from_index(pa.Table.from_pylist([named[3], named[0], named[2]], schema=INDEX_SCHEMA), 20)
    folder: Path = row.root / "0-0"
    read = partial(read_sets, entries, shingle_tokens=1, chinese_scripts="apart")
    sets = read(np.arange(3), lambda _: folder / "documents.parquet").sets
    assert np.diff(sets.offsets).tolist() == [4, 1, 3]
    alone = read(np.array([1]), lambda _: folder / "documents.parquet").sets
    assert sets.values[4:5].tolist() == alone.values.tolist()
