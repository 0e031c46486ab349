"""docs/report.md: its examples are settings and facts that work."""

import re
from pathlib import Path

from pipeline_lib.report.given import read_given
from pipeline_lib.settings.report import ReportSettings
from pipeline_lib.stages import resolve
from tests.bench.figures import ROOT

EXAMPLES = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "report.md").read_text(encoding="utf-8"), re.DOTALL)


def test_the_settings_are_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(EXAMPLES[0], encoding="utf-8")
    assert resolve(path, {}, []).settings.report == ReportSettings()


def test_the_facts_are_understood_and_leave_no_key_out(tmp_path: Path) -> None:
    path = tmp_path / "facts.toml"
    path.write_text(EXAMPLES[1], encoding="utf-8")
    given = read_given(path, {"installed_docs"})
    for told in (given.provider, given.model, given.processing, given.source("installed_docs")):
        assert None not in told.model_dump().values()
