"""What runs steps and shows results: Prefect in a night, nothing but this process for a single stage.

`PlainRuntime` is here; the Prefect one is in `stages.py`, so that a single stage never imports Prefect.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from pipeline_lib.run.step import Done, Step
from pipeline_lib.store.workspace import RunRecord

# In the environment while a night runs on a Prefect server of its own, which ends with it.
OWN_SERVER_VARIABLE = "NIGHTSHIFT_OWN_SERVER"


class Runtime(Protocol):
    """How a step is run, and where results are shown. Keys are stable, so that each has a history."""

    @property
    def flow_run_id(self) -> str | None:
        """Prefect's id of the run, if it is one of Prefect's."""

    def name(self, name: str) -> None:
        """Give the run its name."""

    def do(self, step: Step, work: Callable[[], Done]) -> Done:
        """Run the work of a step under its stage's policy."""

    def table(self, key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
        """Show a table."""

    def markdown(self, key: str, text: str, description: str) -> None:
        """Show a page."""

    def link(self, key: str, url: str, text: str, description: str) -> None:
        """Show a link."""

    def progress(self, key: str, percent: float, description: str) -> None:
        """Show how far something is; the first call of a run makes the bar."""

    def event(self, name: str, resource: str, payload: Mapping[str, Any]) -> None:
        """Tell others that something happened."""

    def reap(self, record: RunRecord) -> bool:
        """Show a killed run as what it is; whether there is nothing left to show."""

    def settle(self) -> None:
        """Return when all that was shown is kept, also if its server ends now."""


class PlainRuntime:
    """Runs the work, shows nothing: the terminal has its own reporter."""

    flow_run_id: str | None = None

    def name(self, name: str) -> None:
        """See `Runtime`."""

    def do(self, step: Step, work: Callable[[], Done]) -> Done:
        """See `Runtime`."""
        return work()

    def table(self, key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
        """See `Runtime`."""

    def markdown(self, key: str, text: str, description: str) -> None:
        """See `Runtime`."""

    def link(self, key: str, url: str, text: str, description: str) -> None:
        """See `Runtime`."""

    def progress(self, key: str, percent: float, description: str) -> None:
        """See `Runtime`."""

    def event(self, name: str, resource: str, payload: Mapping[str, Any]) -> None:
        """See `Runtime`."""

    def reap(self, record: RunRecord) -> bool:
        """See `Runtime`. What Prefect shows has to wait for a night that speaks to it."""
        return record.flow_run_id is None

    def settle(self) -> None:
        """See `Runtime`."""
