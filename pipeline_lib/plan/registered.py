"""Which model is behind a version of the registry, without asking MLflow, which takes seconds.

The ledger of promotions says it of each version that was a champion. Only one that it does not know yet, since somebody
moved the alias in MLflow, is looked for among all that registering left behind.
"""

from pipeline_lib.register.glance import glance
from pipeline_lib.register.registry import CHAMPION, Registry
from pipeline_lib.register.stage import VERSION, moves_of
from pipeline_lib.store.local import Store


def champion_of(registry: Registry) -> int | None:
    """Who is champion: whom MLflow's alias names, where that shows (somebody may have moved it), else the ledger's."""
    seen, moves = glance(registry.place, registry.name), moves_of(registry)
    if seen is not None and (named := seen.aliases.get(CHAMPION)) in seen.models:
        return named
    return moves[-1].version if moves else None


def model_of(store: Store, registry: Registry, version: int) -> str | None:
    """The model artifact behind a version; None where nobody knows it."""
    known = (move.model for move in reversed(moves_of(registry)) if move.version == version and move.model)
    return next(known, None) or _registered(store, registry, version)


def _registered(store: Store, registry: Registry, version: int) -> str | None:
    for found in store.list(VERSION.name):
        if (found.facts.get("name"), found.facts.get("version")) == (registry.name, version):
            return found.inputs["model"].fingerprint
    return None
