"""A registered version whose files are damaged, and are needed: they are put back from the artifacts of its model."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact, DamagedVersion
from pipeline_lib.plan.registered import registering_again
from pipeline_lib.register import stage as register
from pipeline_lib.register.opened import is_intact
from pipeline_lib.register.registry import version_by_number
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.step import Step
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.forgotten import read_tombstones
from pipeline_lib.store.workspace import Workspace

logger = logging.getLogger(__name__)


def files_put_back(number: int, settings: Settings, workspace: Workspace) -> None:
    """Put back what files of a version can be; its model is not registered once more where not all of them can.

    Raises `DamagedArtifact` where the artifacts are damaged, too; where they are not known any more nothing is done.
    """
    own = settings.of(RegisterSettings)
    version = version_by_number(register.registry_of(own, workspace.root), number)
    step = registering_again(settings, workspace, version)
    if step is not None:
        named = {**step.whole.inputs, **step.whole.beside}
        register.put_files_back(own, Inputs(workspace.store, named, workspace=workspace.root))


def mended(
    exc: DamagedVersion, settings: Settings, workspace: Workspace, do: Callable[[Step], Mapping[str, Any]]
) -> int:
    """Register the model of a damaged version once more; the version that has it now, which is another one where not
    all files could be put back. `do` does a step and gives its facts.

    Raises `DamagedVersion`, with what helps, where the artifacts are damaged, too, or gone.
    """
    registry = register.registry_of(settings.of(RegisterSettings), workspace.root)
    step = registering_again(settings, workspace, version_by_number(registry, exc.version))
    try:
        if step is not None:
            number = int(do(step)["version"])
            if number != exc.version and (stones := read_tombstones(workspace.root)):
                from tasks.learned import tag_registered  # which loads what forgets

                tag_registered(registry, workspace.store, step, number, stones, logger.warning)
            return number
    except DamagedArtifact:
        pass
    settled = register.settle(registry, now=datetime.now(UTC))
    out = {exc.version, None if settled.champion is None else settled.champion.number}
    fit = next((number for number in settled.versions if number not in out and is_intact(registry, number)), None)
    way_out = (
        "Make another one: nightshift run." if fit is None else f"Put another one in service: nightshift promote {fit}."
    )
    raise DamagedVersion(
        f"{exc} Nor are the artifacts whole that version {exc.version} was made from. {way_out}", version=exc.version
    ) from exc
