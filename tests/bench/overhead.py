"""Orchestration: what of a real ten-minute night is spent outside its stages.

    (wall time from the shell - wall time inside stages) / wall time from the shell

Outside are the start of Python, Prefect and its server, flows and tasks, the look at the sources and the plan, MLflow,
artifacts of the UI and the end. Inside is what `tasks.steps.do_step` does: start of worker processes, reading, working,
verifying, sealing. `orchestration_overhead_seconds` is the same difference, unshared, for the demo's first night.
"""

from collections.abc import Iterator

from tests.bench.figures import Figure
from tests.bench.nights import last_run, stage_seconds
from tests.bench.workbench import Workbench

FIGURES = (
    Figure(
        "orchestration_overhead_ratio", "ratio", "lower", "share of a ten-minute night's wall time outside stages", 0.05
    ),
)
TRAINING = {
    "train.budget_minutes": "8.6",  # and 1.4 for the other stages
    "train.max_steps": "1000000",
    "train.num_epochs": "100",
}


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    workspace = bench.root / "ten-minutes"
    bench.say("a night of ten minutes")
    longer = [part for name, value in TRAINING.items() for part in (f"--{name}", value)]
    wall = bench.nightshift("run", *longer, workspace=workspace)
    inside = sum(stage_seconds(last_run(workspace)).values())
    bench.say(f"{wall:.1f} s, {wall - inside:.1f} s of them outside stages")
    yield "orchestration_overhead_ratio", (wall - inside) / wall
