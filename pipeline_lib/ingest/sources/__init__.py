"""The sources there are. To add one: a file in this folder, and a line in this list (docs/add-a-source.md)."""

from typing import Annotated

from pydantic import Field

from pipeline_lib.ingest.sources.crawl import CrawlSource
from pipeline_lib.ingest.sources.files import FilesSource
from pipeline_lib.ingest.sources.git import GitSource
from pipeline_lib.ingest.sources.hub import HubSource
from pipeline_lib.ingest.sources.installed_docs import InstalledDocsSource
from pipeline_lib.ingest.sources.judgments import JudgmentsSource
from pipeline_lib.ingest.sources.s3 import S3Source
from pipeline_lib.ingest.sources.sql import SqlSource
from pipeline_lib.ingest.sources.synthetic import SyntheticSource

Source = Annotated[
    CrawlSource
    | FilesSource
    | GitSource
    | HubSource
    | InstalledDocsSource
    | JudgmentsSource
    | S3Source
    | SqlSource
    | SyntheticSource,
    Field(discriminator="kind"),
]

# Folders of files that lie where the user sees them: `why` and `try` know the files in them.
FolderSource = FilesSource | JudgmentsSource
