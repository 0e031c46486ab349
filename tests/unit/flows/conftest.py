"""A workspace after two real nights of the data half, for the pages that read it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flows.halves import refresh_data
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import KEY, english, night_here, refresh, tiny_settings, write_lines


@dataclass(frozen=True)
class Nights:
    """Two nights were done in it. Never change it."""

    corpus: Path
    workspace: Workspace
    last: dict[str, Any]  # what the second one came to

    def settings(self, workspace: Path | None = None, **changes: str) -> Settings:
        """The settings of its nights, with changes by name: `clean__rules__min_words__v1__at_least`."""
        return tiny_settings(workspace or self.workspace.root, self.corpus, **changes)


@pytest.fixture(scope="package")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """Documents of three shards with a duplicate, a short one and personal data; then one more; and files of no use."""
    root = tmp_path_factory.mktemp("pages")
    corpus = root / "corpus"
    documents = {f"n{number}": english(number) for number in range(24)}
    others = {
        "copy": documents["n3"],
        "near": documents["n4"] + " Enough.",
        "short": "The quiet river carries the small boat to the harbour.",
    }
    foreign = "Der alte Kapitän beobachtet den stillen Hafen, und die Laterne leuchtet über dem Wasser. " * 9
    write_lines(corpus / "a.jsonl", documents | others | {"foreign": foreign})
    write_lines(corpus / "b.jsonl", {"mail": f"{english(50)}\nWrite to reader@example.com now."})
    for number in range(100, 120):
        (corpus / f"note_{number}.txt").write_text(english(number), encoding="utf-8")
    for name in ("report.png", "slides.png", "LICENSE"):
        (corpus / name).write_bytes(b"\x89PNG")
    (corpus / "bad.jsonl").write_text('{"id": "fine", "text": "Short."}\n{"id": "bro\n', encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "NIGHTSHIFT_SCRUB_KEY", KEY)
        settings = tiny_settings(root / "workspace", corpus, ingest__max_bad_share="0.5")
        refresh(settings)
        write_lines(corpus / "c.jsonl", {"new": english(60)})
        with night_here(settings) as night:
            last = refresh_data(night)
        yield Nights(corpus, Workspace(settings.workspace.resolve()), last)
