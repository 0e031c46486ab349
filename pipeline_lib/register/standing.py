"""Which versions stand in MLflow, of all models that were registered from this workspace.

Who removes things by this answer must be sure of it: a registry that cannot be asked, is damaged, or is another one
than that of the nights is an error, never an empty answer.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_lib.base.errors import DataError
from pipeline_lib.register.glance import check_whole
from pipeline_lib.register.ledger import moves_of
from pipeline_lib.register.registry import FINGERPRINT_TAG, Registry, client_of, number_of

PAGE = 200


@dataclass(frozen=True)
class Standing:
    """One version."""

    name: str  # of the registered model
    number: int
    model: str  # fingerprint of its model; "" where it is not ours
    run_id: str
    source: str  # where MLflow has its files: "models:/m-..."
    aliases: tuple[str, ...]


def standing(registry: Registry, recorded: Collection[str]) -> list[Standing]:
    """The versions of all models in the workspace's own MLflow; in another one those of the registered model and of
    `recorded` ones: names under which this workspace has registered.

    Raises `UpstreamError` when MLflow cannot be reached, `DataError` when what it answers cannot be all.
    """
    moves = moves_of(registry)
    if registry.place.is_local and not registry.place.database.is_file():
        if recorded or moves:
            raise _not_the_one(registry, "is not there")
        return []
    check_whole(registry.place)
    with client_of(registry) as client:
        models = _models(client)
        names = {registry.name, *recorded} & models.keys()
        asked = [""] if registry.place.is_local else [f"name = '{name}'" for name in sorted(names)]
        found = [_version(one, models) for what in asked for one in paged(client.search_model_versions, what)]
    if recorded and not names:
        raise _not_the_one(registry, f"has no model {', '.join(sorted(recorded))}")
    if moves and not any(_is(version, registry.name, moves[-1].version, moves[-1].model) for version in found):
        raise _not_the_one(registry, f"has no version {moves[-1].version} of {registry.name}, who is champion")
    return found


def _is(version: Standing, name: str, number: int, model: str) -> bool:
    return (version.name, version.number) == (name, number) and model in ("", version.model)


def _models(client: Any) -> dict[str, Mapping[str, int]]:
    """All registered models by name, with their aliases."""
    found = paged(client.search_registered_models)
    return {str(model.name): {alias: number_of(version) for alias, version in model.aliases.items()} for model in found}


def _version(found: Any, models: Mapping[str, Mapping[str, int]]) -> Standing:
    number = int(found.version)
    aliases = sorted(alias for alias, named in models.get(str(found.name), {}).items() if named == number)
    model, run_id = str(found.tags.get(FINGERPRINT_TAG, "")), str(found.run_id or "")
    return Standing(str(found.name), number, model, run_id, str(found.source or ""), tuple(aliases))


def paged(search: Callable[..., Any], *what: Any) -> Iterator[Any]:
    """All that MLflow answers to a search, page by page."""
    token = None
    while True:
        page = search(*what, max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _not_the_one(registry: Registry, what: str) -> DataError:
    return DataError(
        f"MLflow at {registry.place.shown} {what}. Is register.tracking_uri that of the nights? If it is, "
        "nightshift status names the command that puts the champion right; or nightshift run registers anew."
    )
