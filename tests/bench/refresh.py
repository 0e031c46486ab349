"""Throughput of the data half, documents to token shards, and beside it datatrove on the same documents.

MB are those of raw text that go in, whatever is left of it later. Both chains run one after the other, each on one
core, in CPU seconds (one_core.py); ours is the median of three passes. The chains are near but not equal: ours also
repairs Unicode, tells the language, verifies each duplicate by its exact Jaccard, finds more kinds of personal data,
and writes a ledger row for each document and stage; datatrove splits words with spaCy. Its limits are set so that about
as many documents are left to deduplicate and tokenize; how many, both say.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.documents import texts_of, write_config, write_jsonl
from tests.bench.figures import Figure
from tests.bench.one_core import ONE_THREAD
from tests.bench.workbench import Workbench

PEER = "datatrove==0.10.1"
# Its extra "processing" forgets spaCy, without which Gopher and MinHash do not start.
PEER_PACKAGES = ("datatrove[io,processing]==0.10.1", "spacy==3.8.18")
FIGURES = (
    Figure("refresh_mb_s_core", "MB/s/core", "higher", "documents to token shards, all stages with ledger"),
    Figure("datatrove_mb_s_core", "MB/s/core", "higher", "datatrove's nearest equal chain, same documents", peer=PEER),
    Figure("refresh_vs_datatrove", "times", "higher", "the first over the second, in one run", peer=PEER),
)
PASSES = 3
WARM_DOCUMENTS = 200
LONGEST = 30_000  # characters; spaCy takes minutes for a text much longer, so both sides go without


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    texts = [text for text in texts_of(bench.data_half.workspace) if len(text) <= LONGEST]
    home = bench.root / "refresh"
    warm, full = home / "warm" / "documents.jsonl", home / "full" / "documents.jsonl"
    write_jsonl(texts[:: len(texts) // WARM_DOCUMENTS], warm)
    megabytes = write_jsonl(texts, full)
    bench.say(f"{len(texts)} documents, {megabytes:.1f} MB to token shards")
    ours = _ours(bench, warm.parent, full.parent)
    speed = megabytes / median(ours["seconds"])
    _say(bench, "Nightshift", speed, ours)
    yield "refresh_mb_s_core", speed
    theirs = _datatrove(bench, warm, full, ours["tokenizer"])
    peer_speed = megabytes / theirs["seconds"]
    _say(bench, PEER, peer_speed, theirs)
    yield "datatrove_mb_s_core", peer_speed
    yield "refresh_vs_datatrove", speed / peer_speed


def _ours(bench: Workbench, warm: Path, full: Path) -> Any:
    """Ingest both sources, copy the larger workspace for each pass, and do the chain."""
    config = [_ingest(bench, source) for source in (warm, full)][-1]
    passes = [full / f"pass-{number}" for number in range(PASSES)]
    for folder in passes:
        shutil.copytree(full / "workspace", folder)
    return bench.module("our_chain", str(config), str(warm / "workspace"), *map(str, passes), extra=ONE_THREAD)


def _ingest(bench: Workbench, source: Path) -> Path:
    config = write_config(source / "bench.toml", folder=source / "documents.jsonl", workspace=source / "workspace")
    bench.configured("ingest", config)
    return config


def _datatrove(bench: Workbench, warm: Path, full: Path, tokenizer: str) -> Any:
    chain = Path(__file__).with_name("datatrove_chain.py")
    bench.say(f"{PEER} on the same documents (a minute or two)")
    argv = [_peer_python(bench), str(chain), str(warm), str(full), tokenizer, str(bench.root / "datatrove")]
    return json.loads(bench.output(argv, ONE_THREAD).splitlines()[-1])


def _peer_python(bench: Workbench) -> str:
    """The interpreter of datatrove's own environment, which is made on first use and kept in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    home = cache / "nightshift-bench" / PEER.replace("==", "-")
    python, is_ready = home / "bin" / "python", home / ".ready"
    if not is_ready.is_file():
        bench.say(f"installing {PEER} into {home} (once)")
        shutil.rmtree(home, ignore_errors=True)
        bench.command([sys.executable, "-m", "venv", str(home)])
        bench.command([str(python), "-m", "pip", "install", "--quiet", *PEER_PACKAGES])
        is_ready.touch()
    return str(python)


def _say(bench: Workbench, who: str, speed: float, result: dict[str, Any]) -> None:
    bench.say(f"{who}: {speed:.2f} MB/s/core; {result['documents']} documents, {result['tokens']} tokens left to train")
