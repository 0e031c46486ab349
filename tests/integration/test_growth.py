"""What a night does is no more after more nights: files that are opened and folders that are listed are counted.

13, 25 and 37 batches are four nodes each, one of them a batch by itself (31, 121 and 211 in the digits of four), and
the next batch merges none of them, so there is nothing to be more; only the freshest text may be that of one batch
more, and what is withdrawn lie in a shard more.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from pipeline_lib.ingest import digests
from pipeline_lib.plan.night import plan_night
from pipeline_lib.store import artifact
from tests.tiny_night import KEY
from tests.years import Years, years_of

ALIKE = (13, 25, 37)
SEEN = frozenset({"open", "os.listdir", "os.scandir"})
Counts = Counter[tuple[str, str]]  # by what is done and the folder, without names of artifacts


@dataclass
class _Watch:
    """What is seen in one workspace, while somebody looks."""

    root: Path | None = None
    counts: Counts = field(default_factory=Counter)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.root is not None and event in SEEN and isinstance(arguments[0], str | Path):
            path = Path(arguments[0])
            if path.is_relative_to(self.root):
                folder, *below = path.relative_to(self.root).parts[:2] or (".",)
                self.counts[event, "/".join([folder, *("temporary" if n[0] == "." else n for n in below)])] += 1


WATCH = _Watch()
sys.addaudithook(WATCH)


@contextmanager
def watched(years: Years) -> Iterator[Counts]:
    """Each look at an artifact counts, also the second one at the same manifest."""
    WATCH.root, WATCH.counts = years.workspace.root, Counter()
    try:
        with patch.object(artifact, "read_again", artifact.read_again.__wrapped__):
            yield WATCH.counts
    finally:
        WATCH.root = None


def plan(years: Years) -> None:
    assert not plan_night(years.settings, years.workspace).changes


DOINGS = {"a plan": plan, "a night with nothing new": Years.refresh, "a night of 13 documents": Years.night}
MORE = {"a night of 13 documents": 8}  # in one folder: less than a file for each of the 12 batches between


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Counts]:
    """What was seen, by what was done and the number of batches before it."""
    years, found = years_of(tmp_path_factory.mktemp("years")), {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
        patched.setattr(digests, "YOUNG_NS", 0)  # else it depends on the hour when a young file is known at last
        years.live(until=1)  # the first night of all draws the benchmark
        for number in ALIKE:
            years.live(until=number)
            years.refresh()  # closed by now
            for name, doing in DOINGS.items():
                with watched(years) as counts:
                    doing(years)
                found[name, number] = counts
    return found


@pytest.mark.parametrize("doing", DOINGS)
def test_as_many_files_are_opened_and_folders_listed_after_more_nights(
    seen: dict[tuple[str, int], Counts], doing: str
) -> None:
    first, *others = (seen[doing, number] for number in ALIKE)
    assert first.total() > 20
    for more in others:
        grown = {place: more[place] - first[place] for place in more if more[place] > first[place]}
        assert {place: count for place, count in grown.items() if count > MORE.get(doing, 0)} == {}


def test_a_night_with_nothing_new_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    years = years_of(tmp_path)
    years.live(until=3)
    years.refresh()
    before = _files(years)
    years.refresh()
    assert {path: size for path, size in _files(years).items() if before.get(path) != size} == {}


def _files(years: Years) -> dict[str, tuple[int, int]]:
    """Size and inode of each file but the record of the run: a file that was written again has another inode."""
    root = years.workspace.root
    paths = (path for path in root.rglob("*") if path.is_file() and path.parent.name != "runs")
    return {str(path.relative_to(root)): (path.stat().st_size, path.stat().st_ino) for path in paths}
