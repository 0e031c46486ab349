"""A workspace after two refreshes whose numbers one can count by hand, with the pages of both."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.halves import refresh_data
from pipeline_lib.report.records import Record, names, page_path, read
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import KEY, chinese, english, night_here, tiny_settings, write_lines

ENGLISH = {f"e{number}": english(number) for number in range(6)}
CHINESE = {f"z{number}": chinese(number) for number in range(3)}
SHORT = "Call me: 139 1234 5678, or write to jo@example.com. My old one was 12-345-6789-0."  # 81 characters
HOSTILE = "Short <script>document.title = 'taken'</script> & <img src=x onerror=alert(1)>"  # 78 characters
LONELY_SUFFIX = "slides.<b>x"  # a file that no reader takes, nor a page shows how it ends


@dataclass(frozen=True)
class House:
    """Two nights. Never change it."""

    workspace: Workspace
    settings: Settings
    first: dict[str, Any]  # what the refreshes came to
    second: dict[str, Any]

    @property
    def records(self) -> list[Record]:
        """The numbers of both pages, the first one first."""
        found = [read(self.workspace, name) for name in names(self.workspace)]
        return [record for record in found if record is not None]

    @property
    def pages(self) -> list[str]:
        """Both pages."""
        return [page_path(self.workspace, record.name).read_text(encoding="utf-8") for record in self.records]


def settings_of(root: Path, **changes: str) -> Settings:
    """Two sources: press, English; law, Chinese."""
    sources = [{"kind": "files", "name": name, "path": str(root / name), "licence": licence} for name, licence in
               (("press", "CC-BY-4.0"), ("law", ""))]  # fmt: skip
    given = [{name: value for name, value in source.items() if value} for source in sources]
    own = {"ingest__sources": json.dumps(given), "ingest__max_bad_share": "0.5", "report__every_refresh": "true"}
    return tiny_settings(root / "workspace", root, **{**own, "ingest__max_gone_share": "1", **changes})


def refreshed(settings: Settings) -> dict[str, Any]:
    """What a refresh comes to, in this process."""
    with night_here(settings) as night:
        return refresh_data(night)


def write_first(root: Path) -> None:
    """13 records: 12 documents, of which two are too short and one is there twice, and a line that is no JSON."""
    write_lines(root / "press" / "a.jsonl", ENGLISH | {"copy": ENGLISH["e1"], "hostile": HOSTILE})
    write_lines(root / "law" / "b.jsonl", CHINESE | {"short": SHORT})
    (root / "law" / "bad.jsonl").write_text('{"id": "bro\n', encoding="utf-8")
    (root / "press" / LONELY_SUFFIX).write_bytes(b"\x89PNG")


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("report")
    write_first(root)
    (root / "press" / "note.txt").write_text(english(70), encoding="utf-8")
    (root / "press" / "gone.txt").write_text(english(71), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "NIGHTSHIFT_SCRUB_KEY", KEY)
        settings = settings_of(root)
        first = refreshed(settings)
        (root / "press" / "note.txt").write_text(english(72), encoding="utf-8")
        (root / "press" / "gone.txt").unlink()
        write_lines(root / "law" / "c.jsonl", {"new": chinese(9), "tiny": "短。"})
        second = refreshed(settings)
        yield House(Workspace(settings.workspace.resolve()), settings, first, second)


@pytest.fixture
def scrub_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the pseudonyms."""
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
