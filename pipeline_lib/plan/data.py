"""The plan of the whole data half: documents, then tokens. What `refresh` does and `nightshift plan` prints."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.ingest.settings import Source
from pipeline_lib.plan.documents import DocumentsPlan, plan_documents
from pipeline_lib.plan.tokens import TokensPlan, plan_tokens
from pipeline_lib.run.work import Step
from pipeline_lib.scrub.key import ScrubKey, load_key
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace

KEY_FILE_VARIABLE = "NIGHTSHIFT_SCRUB_KEY_FILE"


@dataclass(frozen=True)
class DataPlan:
    """The data half of a night, from the sources to the snapshot."""

    documents: DocumentsPlan
    tokens: TokensPlan

    @property
    def stages(self) -> tuple[tuple[Step, ...], ...]:
        """The steps by stage, in the order in which they can be done."""
        return (*self.documents.stages, *self.tokens.stages)

    @property
    def funnel(self) -> tuple[tuple[str, tuple[Step, ...]], ...]:
        """The stages that documents pass, with the steps of all batches."""
        documents = self.documents
        return (
            ("ingest", documents.ingest),
            ("clean", documents.clean),
            ("dedup", documents.dedup),
            ("scrub", documents.scrub),
            ("tokenize", self.tokens.tokens),
        )


def plan_data(settings: Settings, workspace: Workspace) -> DataPlan:
    """Look at the sources and lay out the data half. Makes nothing."""
    return _plan(settings, workspace, settings.ingest.sources)


def plan_sealed_data(settings: Settings, workspace: Workspace) -> DataPlan:
    """The data half over the batches that are there, without a look at the sources: what a training starts from."""
    return _plan(settings, workspace, ())


def _plan(settings: Settings, workspace: Workspace, sources: Sequence[Source]) -> DataPlan:
    documents = plan_documents(settings, workspace, night_key(settings, workspace), sources)
    return DataPlan(documents, plan_tokens(settings, workspace, documents))


def night_key(settings: Settings, workspace: Workspace) -> ScrubKey:
    """The key of the pseudonyms. Only the demo, which reads nothing but installed packages, may make its own.

    Raises `SettingsError` when any other configuration has none.
    """
    is_demo = settings.profile == "demo" and all(s.kind == "installed_docs" for s in settings.ingest.sources)
    named = os.environ.get(KEY_FILE_VARIABLE)
    demo_key = workspace.root / "keys" / "scrub.key" if is_demo else None
    return load_key(os.environ, Path(named) if named else None, demo_key)
