"""The sources there are. To add one: a file in this folder, and a line in this list (docs/add-a-source.md)."""

from typing import Annotated

from pydantic import Field

from pipeline_lib.ingest.sources.crawl import CrawlSource
from pipeline_lib.ingest.sources.files import FilesSource
from pipeline_lib.ingest.sources.git import GitSource
from pipeline_lib.ingest.sources.installed_docs import InstalledDocsSource
from pipeline_lib.ingest.sources.sql import SqlSource

Source = Annotated[
    CrawlSource | FilesSource | GitSource | InstalledDocsSource | SqlSource,
    Field(discriminator="kind"),
]
