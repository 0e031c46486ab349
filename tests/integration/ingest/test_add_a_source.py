"""The source of docs/add-a-source.md, added to a copy of the library: one file, one line, and it is read."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
IMPORTS = """import email
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline_lib.base.settings import operational
from pipeline_lib.ingest.records import Bad, Limits, Listing, Record, Slug, SourceFile, SourceSettings

"""
NIGHT = """
from pathlib import Path
from pipeline_lib.ingest.settings import IngestSettings
from tests.source_nights import House

house = House(Path("house"))
wanted = {"kind": "mailbox", "name": "docs", "path": "letters.mbox"}
house.other = IngestSettings.model_validate({"sources": [wanted]}).sources[0]
for row in house.rows(house.night()):
    print(row["url"], row["title"], row["text"].strip(), dict(row["metadata"] or ()), sep="|")
"""
MAILBOX = """From a@example.org Mon Jan 5 2026
Subject: first

The ice is thin.
From b@example.org Tue Jan 6 2026
Subject: second
Date: Tue, 6 Jan 2026 08:30:00 +0800

The ice holds.
"""


def test_the_source_in_the_documentation_is_one_file_and_one_line(tmp_path: Path) -> None:
    example = re.search(r"```python\n# (\S+)\n(.*?)```", (ROOT / "docs/add-a-source.md").read_text(), re.DOTALL)
    assert example is not None
    shutil.copytree(ROOT / "pipeline_lib", tmp_path / "pipeline_lib", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests").mkdir()
    for name in ("source_nights.py", "given.py"):
        shutil.copy(ROOT / "tests" / name, tmp_path / "tests")
    (tmp_path / example[1]).write_text(IMPORTS + example[2])
    listed = tmp_path / "pipeline_lib/ingest/sources/__init__.py"
    text = listed.read_text().replace("| FilesSource\n", "| FilesSource\n    | MailboxSource\n", 1)
    text = text.replace("\nSource = ", "from pipeline_lib.ingest.sources.mailbox import MailboxSource\n\nSource = ")
    listed.write_text(text)
    (tmp_path / "letters.mbox").write_text(MAILBOX)

    done = subprocess.run([sys.executable, "-c", NIGHT], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == [
        "letters.mbox#1|first|The ice is thin.|{}",
        "letters.mbox#2|second|The ice holds.|{'date': '2026-01-06T08:30:00+08:00'}",
    ], done.stderr
