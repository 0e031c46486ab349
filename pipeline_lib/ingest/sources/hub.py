"""`hub`: the data files of a dataset repository of the Hugging Face hub, at a branch, tag or commit.

They land first (objects/landing.py) and are read as files of a folder are. A file is fetched when the digest that the
hub has for it is another one; what is told by the card of the dataset, its licence and languages, is told of each row.
The hub is the one of HF_ENDPOINT, and a token that it needs comes from HF_TOKEN alone.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline_lib.base.settings import operational
from pipeline_lib.ingest.mapped import MappedSource
from pipeline_lib.ingest.records import FileSource, Slug
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.forgotten import Refused

DESCRIPTION = "dataset description"
ABOUT = {"readme.md", "dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json"}
ABOUT_LICENCE = ("license", "licence", "copying")


class HubSource(MappedSource):
    """A dataset of the Hugging Face hub: its data files, in all formats that `files` reads."""

    kind: Literal["hub"] = "hub"
    name: Slug = Field(description="Name of the source: enters document ids, so renaming it makes all documents new.")
    repository: str = Field(
        max_length=96,
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*$",
        description='"owner/name" of the dataset.',
        json_schema_extra=operational(),
    )
    revision: str = Field(
        default="main",
        pattern=r"^[^-\s][^\s:]*$",
        description="Branch, tag or commit; a branch is followed from night to night.",
        json_schema_extra=operational(),
    )
    max_connections: int = Field(
        default=4,
        ge=1,
        le=64,
        description="So many files are fetched at a time.",
        json_schema_extra=operational(unit="connections"),
    )

    def why_not(self, path: str) -> str:
        """See `MappedSource`; what describes the dataset is none of its data."""
        name = path.rpartition("/")[2].lower()
        is_about = name in ABOUT or ("/" not in path and name.startswith(ABOUT_LICENCE))
        return DESCRIPTION if is_about else super().why_not(path)

    def land(self, before: Path | None, places: Path, folder: Path, max_gone_share: float, refused: Refused) -> Outcome:
        """Fetch the files that are new or changed since the landing before."""
        from pipeline_lib.ingest.hub.cached import Cached
        from pipeline_lib.ingest.hub.repository import Repository, is_offline
        from pipeline_lib.ingest.objects.fetching import Asked
        from pipeline_lib.ingest.objects.landing import land_objects
        from pipeline_lib.ingest.places import kept_beside

        work = kept_beside(places)
        # The digest of a file is that of its bytes: it counts for whatever repository and revision.
        asked = Asked(self.name, "content", self.why_not, self.max_connections, before, work, folder, refused)
        remote = Cached(self, before) if is_offline() else Repository(self, work)
        return land_objects(remote, asked, max_gone_share)

    def landed(self, landing: Path) -> FileSource:
        """The files of a landing."""
        from pipeline_lib.ingest.objects.landed import LandedObjects

        return LandedObjects(landing, self.read)
