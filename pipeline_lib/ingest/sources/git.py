"""`git`: the files of a local repository at a revision, source code and documents alike.

They land (landing.py) as rows, a file each, named by their paths. Nothing is checked out. What did not change since the
landing before, by the digest that git has for it, is not read again. The licence is that of the nearest LICENSE above a
file, or what the file says of itself; what others wrote (vendored), programs wrote (generated), and what is no text, is
counted by kind and left out.
"""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline_lib.base.settings import operational
from pipeline_lib.ingest.records import FileSource, Slug, SourceSettings
from pipeline_lib.store.artifact import Outcome, digest_of
from pipeline_lib.store.forgotten import Refused


class GitSource(SourceSettings):
    """A local git repository at a revision: a document for each file in a language that is known by its name."""

    kind: Literal["git"] = "git"
    name: Slug = Field(description="Name of the source: enters document ids, so renaming it makes all documents new.")
    path: Path = Field(description="The repository, bare or not.", json_schema_extra=operational())
    revision: str = Field(
        default="HEAD",
        pattern=r"^[^-\s][^\s:]*$",
        description="Branch, tag or commit; a branch is followed from night to night.",
        json_schema_extra=operational(),
    )
    include: tuple[str, ...] = Field(
        default=("*",),
        min_length=1,
        description='Patterns of paths to take; "*" also crosses "/".',
        json_schema_extra=operational(),
    )
    exclude: tuple[str, ...] = Field(
        default=(), description="Patterns of paths to leave out after that.", json_schema_extra=operational()
    )
    vendored: bool = Field(
        default=False, description="Also files in folders for the work of others.", json_schema_extra=operational()
    )
    generated: bool = Field(
        default=False, description="Also files that programs wrote.", json_schema_extra=operational()
    )

    def takes(self, path: str) -> bool:
        """Whether the patterns take a path."""
        is_included = any(fnmatchcase(path, pattern) for pattern in self.include)
        return is_included and not any(fnmatchcase(path, pattern) for pattern in self.exclude)

    def land(self, before: Path | None, places: Path, folder: Path, max_gone_share: float, refused: Refused) -> Outcome:
        """Read the files that are new or changed since the landing before."""
        from pipeline_lib.ingest.git_rows import fetch
        from pipeline_lib.ingest.landing import Landing

        asks = digest_of({**self.decisive(), "generated": self.generated})  # it shows in what a file holds
        with Landing(self.name, asks, folder, before, places, refused) as landing:
            commit = fetch(self, landing, before, folder)
            return landing.write(commit, max_gone_share)

    def landed(self, landing: Path) -> FileSource:
        """The pieces of a landing."""
        from pipeline_lib.ingest.git_rows import LandedFiles

        return LandedFiles(landing)
