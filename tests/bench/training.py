"""Training: tokens per second of our stage over a bare torch loop on the same work.

The same are model, rows, batch, precision, threads and optimizer; both start from scratch on the demo's token shards,
each in a fresh process, by turns, three times. A rate is the batch's tokens over the median time from the end of a step
to the end of the next one, of the last twenty steps of the trunk: reading rows, forward, backward, clipping and
optimizer, and on our side the Trainer and the row of metrics. Start, checkpoints and scoring are in neither. The ratio
is the median of the three pairs.
"""

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from pipeline_lib.model.reading.documents import Shard, count
from pipeline_lib.model.reading.snapshot import Arrived
from pipeline_lib.store.schemas import TOKENS_FILE
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize.settings import TokenizeSettings
from pipeline_lib.tokenize.vocabulary import TOKENIZER_FILE
from pipeline_lib.train import stage as train
from pipeline_lib.train.job import METRICS_FILE, TokensInput, TrainInputs, read_metrics
from pipeline_lib.train.settings import TrainSettings
from tests.bench.figures import Figure
from tests.bench.workbench import Workbench

FIGURES = (
    Figure("train_tokens_s", "tokens/s", "higher", "the training stage on the demo's model"),
    Figure("bare_loop_tokens_s", "tokens/s", "higher", "a bare torch loop on the same model, rows and optimizer"),
    Figure("train_tokens_s_vs_bare_loop", "ratio", "higher", "the first over the second, by turns in one run"),
)
ROUNDS = 3
NUM_STEPS = 60
DEADLINE_MINUTES = 10.0


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    settings = TrainSettings(budget_minutes=None, deadline_minutes=DEADLINE_MINUTES)
    inputs = _inputs(bench)
    pairs = []
    for number in range(ROUNDS):
        work = bench.root / f"training-{number}"
        ours = _stage(settings, inputs, work)
        bare = float(bench.module("bare_loop", str(work), extra=_threads(settings)))
        bench.say(f"round {number + 1}: {ours:.0f} tokens/s, a bare loop {bare:.0f}")
        pairs.append((ours, bare))
    yield "train_tokens_s", median(ours for ours, _ in pairs)
    yield "bare_loop_tokens_s", median(bare for _, bare in pairs)
    yield "train_tokens_s_vs_bare_loop", median(ours / bare for ours, bare in pairs)


def _inputs(bench: Workbench) -> TrainInputs:
    """The demo's token shards, none of them read; no held-out documents, so that nothing is scored."""
    store = Workspace(bench.data_half.workspace).store
    shards, tokenizer = (sorted((store.root / "tokenize").glob(f"*/{file}")) for file in (TOKENS_FILE, TOKENIZER_FILE))
    tokens = [TokensInput(_arrived(path), path) for path in shards]
    return TrainInputs(tuple(tokens), NUM_STEPS * TrainSettings().batch_rows, tokenizer[0].parent, None, ())


def _arrived(path: Path) -> Arrived:
    share = TokenizeSettings().heldout_share
    return Arrived(path.parent.name, share, *count(Shard(path, share)), batch="demo", digest=path.parent.name)


def _stage(settings: TrainSettings, inputs: TrainInputs, work: Path) -> float:
    """The training stage as a night runs it; its tokens per second at the end of the trunk."""
    folder = work.with_name(f"{work.name}-model")
    folder.mkdir()
    train.run(settings, inputs, work, folder, on_progress=lambda _: None)
    rows, _ = read_metrics(work / METRICS_FILE)
    return float([row for row in rows if row["phase"] == "trunk"][-1]["tokens_per_second"])


def _threads(settings: TrainSettings) -> dict[str, str]:
    return {name: str(settings.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
