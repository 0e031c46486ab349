"""Which model is behind a version of the registry, without asking MLflow, which takes seconds.

The ledger of promotions says it of each version that was a champion. Only one that it does not know, since somebody
moved the alias in MLflow, is looked for among all that registering left behind.
"""

from pipeline_lib.register.registry import Registry
from pipeline_lib.register.stage import VERSION, Promotion, moves_of
from pipeline_lib.store.local import Store


def last_move(registry: Registry) -> Promotion | None:
    """The promotion or rollback that made the champion what it is, by the ledger."""
    moves = moves_of(registry)
    return moves[-1] if moves else None


def model_of(store: Store, registry: Registry, version: int) -> str | None:
    """The model artifact behind a version; None where nobody knows it."""
    known = (move.model for move in reversed(moves_of(registry)) if move.version == version and move.model)
    return next(known, None) or _registered(store, registry, version)


def _registered(store: Store, registry: Registry, version: int) -> str | None:
    for found in store.list(VERSION.name):
        if (found.facts.get("name"), found.facts.get("version")) == (registry.name, version):
            return found.inputs["model"].fingerprint
    return None
