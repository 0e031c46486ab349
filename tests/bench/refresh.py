"""Throughput of the data half, documents to token shards; beside it this code as it was, and datatrove. Two corpora.

    refresh_mb_s_core            the demo's documents
    refresh_mb_s_core_neutral    the neutral corpus (corpora.py): 12 MB, half English and half Chinese, as it is found

MB are those of raw text that go in, whatever is left of it later. All chains run on one core, in CPU seconds
(one_core.py). Ours and the one before (peers.py) take turns, three times, each in a process of its own that first does
a few documents, among them some that ask for all that is loaded on first use; a speed is the median of the three,
`refresh_vs_before` that of the three pairs. datatrove follows.

datatrove's chain is near but not equal: ours also repairs Unicode, tells the language, verifies each duplicate by its
exact Jaccard, finds more kinds of personal data, and writes a ledger row for each document and stage; datatrove splits
words with spaCy. Its limits are set so that about as many of the demo's documents are left to deduplicate and tokenize;
how many, both say. Its filters are made for English, and drop Chinese; that saves it work.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.corpora import described, neutral, texts_folder
from tests.bench.documents import texts_of, write_config, write_jsonl
from tests.bench.figures import ROOT, Figure
from tests.bench.one_core import ONE_THREAD
from tests.bench.peers import DATATROVE, before, datatrove_python
from tests.bench.workbench import BenchSkipped, Workbench

ROUNDS = 3
WARM_DOCUMENTS = 200
# What a few documents may not ask for, and a whole corpus does: spaCy in both languages, by terms that it counts, and
# the model that tells languages, by a text that is neither.
ASKS_FOR_ALL = (
    "All rights reserved. This page tells how a lamp is repaired, and what to do when it does not light up again. " * 9,
    "版权所有。这一页说明怎样修理一盏灯，以及它不再亮的时候应该怎么办。" * 9,
    "Die Lampe leuchtet nicht mehr, wenn der Draht gebrochen ist; man nimmt sie ab und setzt einen neuen ein. " * 9,
)
NEUTRAL_MEGABYTES = 12
LONGEST = 30_000  # characters; spaCy takes minutes for a text much longer, so both sides go without


@dataclass(frozen=True)
class Refresh:
    """The figures of one corpus."""

    suffix: str
    what: str
    texts: Callable[[Workbench], list[str]]

    @property
    def FIGURES(self) -> Sequence[Figure]:
        """See `Group`."""
        end, on = self.suffix, f", {self.what}"
        return (
            Figure(f"refresh_mb_s_core{end}", "MB/s/core", "higher", f"documents to token shards, with ledger{on}"),
            Figure(f"refresh_vs_before{end}", "times", "higher", f"that over revision ee46591, by turns{on}", 1.2),
            Figure(
                f"datatrove_mb_s_core{end}", "MB/s/core", "higher", f"datatrove's nearest equal{on}", peer=DATATROVE
            ),
            Figure(f"refresh_vs_datatrove{end}", "times", "higher", f"ours over datatrove's{on}", peer=DATATROVE),
        )

    def measure(self, bench: Workbench) -> Iterator[tuple[str, float]]:
        """See the module."""
        texts = self.texts(bench)
        home = bench.root / f"refresh{self.suffix}"
        warm, full = home / "warm.jsonl", home / "full.jsonl"
        write_jsonl([*texts[:: max(1, len(texts) // WARM_DOCUMENTS)], *ASKS_FOR_ALL], warm)
        megabytes = write_jsonl(texts, full)
        bench.say(f"{len(texts)} documents, {megabytes:.1f} MB to token shards: {self.what}")
        rounds = _by_turns(bench, warm, full)
        ours = [one["seconds"][0] for one, _ in rounds]
        speed = megabytes / median(ours)
        _say(bench, "Nightshift", speed, rounds[0][0])
        yield f"refresh_mb_s_core{self.suffix}", speed
        pairs = [(own, other) for own, other in rounds if other is not None]
        if pairs:
            _say(bench, "before", megabytes / median(other["seconds"][0] for _, other in pairs), pairs[0][1])
            ratio = median(other["seconds"][0] / own["seconds"][0] for own, other in pairs)
            yield f"refresh_vs_before{self.suffix}", ratio
        theirs = _datatrove(bench, warm, full, rounds[0][0]["tokenizer"])
        peer_speed = megabytes / theirs["seconds"]
        _say(bench, DATATROVE, peer_speed, theirs)
        yield f"datatrove_mb_s_core{self.suffix}", peer_speed
        yield f"refresh_vs_datatrove{self.suffix}", speed / peer_speed


def _demo(bench: Workbench) -> list[str]:
    return [text for text in texts_of(bench.data_half.workspace) if len(text) <= LONGEST]


def _neutral(bench: Workbench) -> list[str]:
    corpus = neutral(texts_folder(), megabytes=NEUTRAL_MEGABYTES)
    bench.say(f"the neutral corpus: {described(texts_folder(), corpus)}")
    return list(corpus.values())


DEMO = Refresh("", "the demo's documents", _demo)
NEUTRAL = Refresh("_neutral", "the neutral corpus", _neutral)


@dataclass(frozen=True)
class Revision:
    """Some revision of this code, with workspaces of its own in which both sources are ingested."""

    bench: Workbench
    code: Path
    home: Path

    def ingest(self, source: Path) -> Path:
        """Take in a file; the configuration, by whose name its workspace is called."""
        workspace = self.home / source.stem
        workspace.parent.mkdir(parents=True, exist_ok=True)
        config = write_config(self.home / f"{source.stem}.toml", folder=source, workspace=workspace)
        self._python("-c", "from flows.cli import main; main()", "ingest", "--config", str(config))
        return config

    def chain(self, warm: Path, full: Path) -> Any:
        """Do the chain over copies of both workspaces: what is done already would warm nothing."""
        home = self.home / f"pass-{len(list(self.home.glob('pass-*')))}"
        copies = [shutil.copytree(config.with_suffix(""), home / config.stem) for config in (warm, full)]
        printed = self._python("-m", "tests.bench.our_chain", str(full), *map(str, copies))
        return json.loads(printed.splitlines()[-1])

    def _python(self, *arguments: str) -> str:
        extra = {**ONE_THREAD, "PYTHONPATH": str(self.code)}
        return self.bench.output([sys.executable, *arguments], extra, cwd=self.code)


def _by_turns(bench: Workbench, warm: Path, full: Path) -> list[tuple[Any, Any]]:
    """What ours and the chain before say, a pair for each round; None where our history is not there."""
    revisions = [Revision(bench, ROOT, full.parent / "ours")]
    try:
        revisions.append(Revision(bench, before(bench), full.parent / "before"))
    except BenchSkipped as exc:
        bench.say(f"nothing is compared with the code before: {exc}")
    configs = [(revision.ingest(warm), revision.ingest(full)) for revision in revisions]
    rounds = []
    for _ in range(ROUNDS):
        done = [revision.chain(*config) for revision, config in zip(revisions, configs, strict=True)]
        rounds.append((done[0], done[1] if len(done) > 1 else None))
    return rounds


def _datatrove(bench: Workbench, warm: Path, full: Path, tokenizer: str) -> Any:
    chain = Path(__file__).with_name("datatrove_chain.py")
    python, folder = datatrove_python(bench), full.parent / "datatrove"
    bench.say(f"{DATATROVE} on the same documents (a minute or two)")
    argv = [python, str(chain), str(warm), str(full), tokenizer, str(folder)]
    return json.loads(bench.output(argv, ONE_THREAD).splitlines()[-1])


def _say(bench: Workbench, who: str, speed: float, result: dict[str, Any]) -> None:
    bench.say(f"{who}: {speed:.3f} MB/s/core; {result['documents']} documents, {result['tokens']} tokens left to train")
