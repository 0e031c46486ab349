"""What a worker process loads before it has anything to do.

Compiled kernels, the language model and spaCy take a second or two to load, which is most of a night with few new
documents. While Prefect and its server start there is time for it.

    python -m pipeline_lib.plan.warm    does it once for all later processes: compiles the kernels, unpacks the model
"""

from pipeline_lib.clean import stage as clean
from pipeline_lib.dedup import stage as dedup
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.run.engine import Engine
from pipeline_lib.run.work import missing
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace


def warm(engine: Engine, plan: DataPlan, settings: Settings, workspace: Workspace) -> None:
    """Start as many workers as the plan has use for, and let them load. A plan with nothing new starts none."""
    todo = [(step, missing(step, workspace.store)) for step in (*plan.documents.clean, *plan.documents.dedup)]
    if any(works for _, works in todo):
        num_shards = max(sum(work is not step.whole for work in works) for step, works in todo)
        engine.warm(load, settings, max(num_shards, 1))


def load(settings: Settings) -> None:
    """What a worker does for it."""
    clean.warm_up(settings.clean)
    dedup.warm_up(settings.dedup)


if __name__ == "__main__":
    load(Settings())
