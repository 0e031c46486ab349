"""`python -m tests.bench.our_chain CONFIG WARM FULL ...`: the data half from ingested documents to token shards.

WARM and FULL are workspaces with ingested batches; what they hold of later stages is reused. The other artifacts are
made in this process, with ledger, digests and manifest, as a worker of a night makes them: text, signals, terms, judge,
sketch, decide, scrub, tokenize, snapshot. The tokenizer is trained between, outside the time: the peer is given one
too. The warm workspace goes first and does not count: imports, compiled kernels.
Prints {"seconds": [one for each FULL], "tokenizer": path, "documents", "tokens"}.
"""

import json
import os
import sys
import time
from pathlib import Path

from pipeline_lib.plan.data import plan_sealed_data
from pipeline_lib.run.execute import execute
from pipeline_lib.run.step import Step
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import resolve
from pipeline_lib.store.workspace import Workspace
from tests.bench.one_core import stay_on_one_core


def main() -> None:
    """Print the result as the last line."""
    stay_on_one_core()
    settings = resolve(Path(sys.argv[1]), os.environ, ()).settings
    warm, *full = map(Path, sys.argv[2:])
    refresh(settings, warm)
    results = [refresh(settings, workspace) for workspace in full]
    print(json.dumps({**results[-1], "seconds": [result["seconds"] for result in results]}))


def refresh(settings: Settings, root: Path) -> dict[str, float | str | int]:
    """Do the data half of a workspace behind ingest."""
    workspace = Workspace(root)
    plan = plan_sealed_data(settings, workspace)
    seconds = 0.0
    for step in (step for _, steps in plan.stages for step in steps):
        spent = _do(step, workspace)
        seconds += 0.0 if step is plan.tokenizer.step else spent
    facts = workspace.store.read("tokenize", plan.snapshot.whole.ref.fingerprint).facts
    tokenizer = workspace.store.path("tokenize", plan.tokenizer.ref.fingerprint) / "tokenizer.json"
    return {
        "seconds": seconds,
        "tokenizer": str(tokenizer),
        "documents": facts["num_documents"],
        "tokens": facts["num_tokens"],
    }


def _do(step: Step, workspace: Workspace) -> float:
    started = time.process_time()
    for work in step.missing(workspace.store):
        execute(work, workspace.root)
    return time.process_time() - started


if __name__ == "__main__":
    main()
