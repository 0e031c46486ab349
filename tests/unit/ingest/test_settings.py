"""What `[ingest]` takes and what it refuses."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources.files import FilesSource
from pipeline_lib.ingest.sources.installed_docs import InstalledDocsSource


def test_the_kind_chooses_the_source() -> None:
    settings = IngestSettings.model_validate(
        {"sources": [{"kind": "files", "name": "laws-zh", "path": "x"}, {"kind": "installed_docs"}]}
    )
    assert [type(source) for source in settings.sources] == [FilesSource, InstalledDocsSource]


def test_the_default_is_the_embedded_source() -> None:
    assert IngestSettings().sources == (InstalledDocsSource(),)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"sources": []}, "at least 1"),
        ({"sources": [{"kind": "ftp", "name": "a"}]}, "ftp"),
        ({"sources": [{"kind": "files", "name": "Not A Slug", "path": "x"}]}, "pattern"),
        ({"sources": [{"kind": "files", "name": "a", "path": "x", "pth": "y"}]}, "pth"),
        ({"sources": [{"kind": "installed_docs"}, {"kind": "installed_docs"}]}, "several sources are named"),
        ({"max_bad_share": 1.5}, "less than or equal to 1"),
        ({"max_document_bytes": 0}, "greater than or equal to 1024"),
    ],
)
def test_a_setting_that_cannot_be_honoured_is_refused(value: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        IngestSettings.model_validate(value)


def test_the_stage_is_light_to_import() -> None:
    heavy = "pyarrow", "numpy", "xxhash", "zstandard", "sqlalchemy"
    code = f"import sys, pipeline_lib.ingest.works; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
