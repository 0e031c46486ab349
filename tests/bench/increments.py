"""A night with 1 % new documents: the data stages' own time against the first night's.

The demo's documents are exported to JSONL; every hundredth one comes in the second night. Counted of each night are the
seconds that its newly made data artifacts say of themselves (the sum over worker processes, from the opened inputs to
the seal), and the look at the sources, which makes no artifact and is timed by itself just before. Not counted in
either night is what workers load before their first job, while Prefect starts (pipeline_lib/plan/warm.py); what that
takes in one process is `worker_load_seconds`. What they load later counts. `one_percent_warm_ratio` is the work alone,
without ingest and tokenizer training: both nights in one process that is warm (our_chain.py).
Training is tiny here: it does not count. The first night trains the tokenizer, as first nights do. A night over the 1 %
alone goes before both, so that no kernel is compiled in either.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from pipeline_lib.store.artifact import read_manifest
from tests.bench.documents import texts_of, write_config, write_jsonl
from tests.bench.figures import Figure
from tests.bench.one_core import ONE_THREAD
from tests.bench.workbench import DATA_STAGES, Workbench

FIGURES = (
    Figure(
        "one_percent_night_ratio", "ratio", "lower", "data stages with 1 % new documents, against the first night", 0.10
    ),
    Figure("worker_load_seconds", "s", "lower", "what each worker loads before its first job, while Prefect starts"),
    Figure("one_percent_warm_ratio", "ratio", "lower", "1 % against the rest in one warm process, behind ingest"),
)
EVERY = 100
NUM_FILES = 8
LOADS = 3
TINY = {
    "train.hidden_size": "16",
    "train.num_layers": "1",
    "train.num_heads": "2",
    "train.num_kv_heads": "1",
    "train.intermediate_size": "32",
    "train.max_steps": "2",
    "train.budget_minutes": "none",
    "evaluate.max_documents": "20",
    "evaluate.noise_documents": "2",
}


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    texts = texts_of(bench.data_half.workspace)
    new = {"new.jsonl": texts[::EVERY]}
    old = [text for number, text in enumerate(texts) if number % EVERY]
    bench.say(f"{len(old)} documents, then {len(texts) - len(old)} more")
    small, growing = bench.root / "small", bench.root / "growing"
    _night(bench, small, new)
    first = _night(bench, growing, {f"{part}.jsonl": old[part::NUM_FILES] for part in range(NUM_FILES)})
    second = _night(bench, growing, new)
    bench.say(f"data stages: {first:.2f} s, then {second:.2f} s")
    yield "one_percent_night_ratio", second / first
    yield "worker_load_seconds", median(float(bench.module("load")) for _ in range(LOADS))
    ingested = (small / "ingested-1", growing / "ingested-1", growing / "ingested-2")
    warm = bench.module("our_chain", str(growing / "bench.toml"), *map(str, ingested), extra=ONE_THREAD)["seconds"]
    bench.say(f"in one warm process: {warm[0]:.2f} s, then {warm[1]:.2f} s")
    yield "one_percent_warm_ratio", warm[1] / warm[0]


def _night(bench: Workbench, home: Path, files: dict[str, list[str]]) -> float:
    """Put more files into the source of a workspace and run a night; seconds of its data half.

    The workspace as it is behind ingest is kept aside, as `ingested-1` before the first night and so on.
    """
    for file, texts in files.items():
        write_jsonl(texts, home / "source" / file)
    workspace = home / "workspace"
    config = write_config(home / "bench.toml", folder=home / "source", workspace=workspace)
    looking = float(bench.module("look", str(config)))
    before = _made(workspace)
    bench.configured("ingest", config)
    shutil.copytree(workspace, home / f"ingested-{len(list(home.glob('ingested-*'))) + 1}")
    bench.configured("run", config, *(part for name, value in TINY.items() for part in (f"--{name}", value)))
    new = {made: seconds for made, seconds in _made(workspace).items() if made not in before}
    by_stage = {stage: sum(seconds for made, seconds in new.items() if made[0] == stage) for stage in DATA_STAGES}
    bench.say(f"look {looking:.2f} s, " + ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in by_stage.items()))
    return looking + sum(by_stage.values())


def _made(workspace: Path) -> dict[tuple[str, str], float]:
    """Seconds that each artifact of the data half took when it was made, by stage and fingerprint."""
    manifests = [path for stage in DATA_STAGES for path in (workspace / "artifacts" / stage).glob("*/manifest.json")]
    return {(path.parts[-3], path.parts[-2]): read_manifest(path.parent).seconds for path in manifests}
