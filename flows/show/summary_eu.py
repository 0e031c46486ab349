"""`nightshift report eu`: the public summary of training content, and AB 2013's fields, as Markdown and JSON."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.base.words import counted
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.report.california import california
from pipeline_lib.report.eu import summary
from pipeline_lib.report.given import read_given
from pipeline_lib.report.known import CRAWL, Answer, Known, Section
from pipeline_lib.report.training import content_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace

LANDING = "ingest.land"
MOST_CHARACTERS = 2_000  # of one line
SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~])")  # what Markdown, or HTML within it, would read
ORIGINS = {
    "counted": "counted",
    "set": "as set",
    "program": "what the program does",
    "told": "told by the provider",
    "open": "to be filled in",
}
TITLE = "Public summary of training content"
ABOUT = (
    "After the AI Office's template for Article 53(1)(d) of Regulation (EU) 2024/1689. Counted over the newest "
    "snapshot of the workspace: the documents that a training may read. Check it before it is published: what is told "
    "by the provider was not verified, and what is to be filled in is missing."
)


def sections_of(settings: Settings, workspace: Workspace, facts: Path | None) -> list[Section]:
    """All fields. Raises `SettingsError` for a wrong file of facts, `DataError` where there is nothing to count."""
    batches = workspace.batches()
    own = {source.name: source.kind for source in settings.of(IngestSettings).sources}
    given = read_given(facts, {*own, *(batch.source for batch in batches)})
    try:
        content = content_of(workspace)
    except DamagedArtifact as exc:
        raise DataError(f"{exc} nightshift run makes it again; then ask once more.") from exc
    crawlers = {name for name, kind in own.items() if kind == CRAWL}
    known = Known(settings, content, given, batches, _refused(workspace, crawlers))
    return [*summary(known), california(known)]


def _refused(workspace: Workspace, sources: set[str]) -> dict[str, dict[str, int]]:
    """Of each crawler what its newest landing did not take, by reason."""
    newest: dict[str, tuple[float, dict[str, int]]] = {}
    for found in workspace.store.list(LANDING) if sources else ():
        name = str(found.facts["source"])
        if name in sources and found.created >= newest.get(name, (0.0, {}))[0]:
            newest[name] = (found.created, dict(found.dropped))
    return {name: dropped for name, (_, dropped) in sorted(newest.items())}


def markdown_of(sections: Sequence[Section]) -> str:
    """As people read it, and publish it."""
    lines = [f"# {TITLE}", "", ABOUT, ""]
    for section in sections:
        lines += [f"## {section.heading}", ""]
        for answer in section.answers:
            lines += [
                f"**{answer.number} {plain(answer.question)}** ({ORIGINS[answer.origin]})",
                "",
                *_value(answer),
                "",
            ]
    return "\n".join(lines)


def _value(answer: Answer) -> list[str]:
    if answer.value is None:
        return [f"TO BE FILLED IN: `{answer.key}`"]
    if isinstance(answer.value, str):
        return [plain(answer.value)]
    return [f"- {plain(line)}" for line in answer.value]


def plain(text: str) -> str:
    """Somebody's words as one line of Markdown that means nothing but itself."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split())[:MOST_CHARACTERS])


def json_of(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """For programs."""
    return [
        {"heading": section.heading, "answers": [{**asdict(one), "is_open": one.is_open} for one in section.answers]}
        for section in sections
    ]


def show_summary(
    settings: Settings, workspace: Workspace, facts: Path | None, to: Path | None, *, as_json: bool
) -> None:
    """Print it; or write it as `to`.md and `to`.json."""
    sections = sections_of(settings, workspace, facts)
    text, data = markdown_of(sections), json.dumps(json_of(sections), indent=1, ensure_ascii=False)
    if to is None:
        print(data if as_json else text)
        return
    stem = to.with_suffix("") if to.suffix in (".md", ".json") else to
    for path, content in ((Path(f"{stem}.md"), text), (Path(f"{stem}.json"), f"{data}\n")):
        path.write_text(content, encoding="utf-8")
        print(path)
    still_open = sum(answer.is_open for section in sections for answer in section.answers)
    if still_open:
        print(f"{counted(still_open, 'field')} left for you: --facts FILE.toml gives them")
