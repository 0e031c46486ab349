"""What a worker process loads before it has anything to do.

Compiled kernels, the language model and spaCy take a second or two to load, which is most of a night with few new
documents. While Prefect and its server start there is time for it.

    python -m pipeline_lib.plan.warm    does it once for all later processes: compiles the kernels, unpacks the model
"""

from pipeline_lib.base.imports import collector_off
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.stage import warm_up as warm_clean
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.dedup.stage import warm_up as warm_dedup
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.run.engine import Engine
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import AllSettings


def warm(engine: Engine, plan: DataPlan, settings: Settings) -> None:
    """Start as many workers as the plan has use for, and let them load. A plan with nothing new starts none."""
    steps = [*plan.steps("clean"), *plan.steps("dedup")]
    if any(step.todo for step in steps):
        num_chains = max(sum(any(w.ref in step.todo for w in chain) for chain in step.chains) for step in steps)
        engine.warm(load, settings, max(num_chains, 1))


def load(settings: Settings) -> None:
    """What a worker does for it."""
    with collector_off():
        warm_clean(settings.of(CleanSettings))
        warm_dedup(settings.of(DedupSettings))


if __name__ == "__main__":
    load(AllSettings())
