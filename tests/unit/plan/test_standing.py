"""What a night says of its text is what stands: not what was withdrawn, nor of sources that are not asked for."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.halves import refresh_data
from pipeline_lib.plan.data import plan_data, plan_sealed_data
from pipeline_lib.plan.night import fits_of, notes_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import KEY, chinese, english, night_here, tiny_settings, write_lines

KEPT = (
    "it is kept, nothing is trained on it, and named in the settings again it is back. What other sources have of the "
    "same text stays out as its duplicate: so does all of a source that was renamed"
)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)


def settings_of(folder: Path, *sources: str) -> Settings:
    """A night of these folders, a source each."""
    named = json.dumps([{"kind": "files", "name": name, "path": str(folder / name)} for name in sources])
    return tiny_settings(folder / "workspace", folder, ingest__sources=named, ingest__max_gone_share="1.0")


def test_withdrawn_text_and_sources_that_are_not_asked_for_are_in_no_figure_of_a_night(tmp_path: Path) -> None:
    write_lines(tmp_path / "docs" / "english.jsonl", {f"en-{n}": english(n) for n in range(20)})
    both = settings_of(tmp_path, "docs", "laws")
    (tmp_path / "laws").mkdir()
    first = told(both)
    assert [fit["language"] for fit in first["bytes_per_token"]] == ["en"]
    write_lines(tmp_path / "docs" / "mixed.jsonl", {f"zh-{n}": chinese(n) for n in range(30)} | {"en": english(90)})
    write_lines(tmp_path / "laws" / "laws.jsonl", {f"zh-{n}": chinese(100 + n) for n in range(30)})
    second = told(both)
    assert [fit["language"] for fit in second["bytes_per_token"]] == ["zh", "en"]
    assert any("zh at 1." in note for note in second["notes"])

    write_lines(tmp_path / "docs" / "mixed.jsonl", {"en": english(90)})
    without = settings_of(tmp_path, "docs")
    last = told(without)
    assert [fit["language"] for fit in last["bytes_per_token"]] == ["en"]
    assert not any("fits" in note for note in last["notes"])
    snapshot = last["snapshot"]
    assert first["snapshot"]["num_documents"] <= snapshot["num_documents"] < 22 < second["snapshot"]["num_documents"]
    assert snapshot["num_tokens"] < second["snapshot"]["num_tokens"] / 3

    named = f"not asked for: laws (1 batch); {KEPT}"
    assert named in last["notes"]
    workspace = Workspace(without.workspace)
    assert named in notes_of(plan_data(without, workspace), workspace.store)
    assert not any(note.startswith("not asked for") for note in told(both)["notes"])
    spoken = fits_of(plan_sealed_data(both, workspace), workspace.store)
    assert [fit.language for fit in spoken] == ["zh", "en"]


def told(settings: Settings) -> dict[str, Any]:
    """What a night of the data half says of itself."""
    with night_here(settings) as night:
        return refresh_data(night)
