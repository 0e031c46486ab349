"""Which model is behind a version of the registry, without asking MLflow, which takes seconds.

The ledger of promotions says it of each version that was a champion. Only one that it does not know yet, since somebody
moved the alias in MLflow, is looked for among all that registering left behind.
"""

from pipeline_lib.register.glance import glance
from pipeline_lib.register.registry import CHAMPION, Registry, Version
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import AGAIN, VERSION, is_of, moves_of
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import Step, manifest_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.local import Store
from pipeline_lib.store.workspace import Workspace


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


def registering_again(settings: Settings, workspace: Workspace, version: Version) -> Step | None:
    """What registers the model of a version once more, from its artifacts; None where they are not known any more."""
    store = workspace.store
    alike = (found for found in store.list(VERSION.name) if is_of(version, found.inputs))
    found = next(alike, None)
    model = None if found is None else manifest_of(store, found.inputs["model"])
    if found is None or model is None:
        return None
    told = {name: model.inputs[name] for name in ("tokenizer", "snapshot")}
    beside = {name: ref for name, ref in told.items() if name == "tokenizer" or store.is_present(ref)}
    beside |= {AGAIN: found.inputs["model"]}
    own = settings.of(RegisterSettings).only(VERSION.reads)
    work = Work(VERSION, own, found.inputs, beside=beside, name="version", lost=f"version {version.number} is damaged")
    return Step(VERSION.stage, f"version {version.number}", (), (work,), work, todo=frozenset({work.ref}))


def _registered(store: Store, registry: Registry, version: int) -> str | None:
    for found in store.list(VERSION.name):
        if (found.facts.get("name"), found.facts.get("version")) == (registry.name, version):
            return found.inputs["model"].fingerprint
    return None
