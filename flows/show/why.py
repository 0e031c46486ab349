"""`nightshift why`: what each stage decided on a document, and on what values."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console

from flows.console import make_console
from flows.show.tables import number
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.past.ledger import STAGES_AFTER_INGEST, Decision, Story, quarantined, urls_like, why
from pipeline_lib.store.workspace import Workspace

SUGGESTIONS = 5
TELLING = {"clean": ("language", "num_words", "num_chars")}  # of a stage with forty signals, those that say most


def show_why(workspace: Workspace, document: str, *, all_values: bool, as_json: bool) -> None:
    """The way of all versions of a document. Raises `SettingsError`, with near ones, when it is not known."""
    stories = why(workspace, document)
    if as_json:
        print(json.dumps([asdict(story) for story in stories], indent=1, ensure_ascii=False))
    if not stories and not _show_quarantine(workspace, document):
        raise SettingsError(unknown_document(workspace, document))
    for story in [] if as_json else stories:
        _show_story(story, make_console(), all_values=all_values)


def unknown_document(workspace: Workspace, document: str) -> str:
    """What to say of a URL or id that no batch has."""
    close = urls_like(workspace, document, SUGGESTIONS)
    advice = "\n  ".join(["Did you mean one of these?", *close]) if close else "nightshift ingest takes in what is new."
    return f"{document}: no document of {workspace.root} has that URL or id. {advice}"


def _show_quarantine(workspace: Workspace, place: str) -> bool:
    records = quarantined(workspace, place)
    for record in records:
        print(f"{record.place}: {record.reason}; set aside in batch {record.batch}, it never became a document")
    return bool(records)


def show_head(story: Story, console: Console) -> None:
    """Which version of which document."""
    console.print(f"{story.url}  ({story.source})", style="bold")
    place = "" if story.place == story.url else f"   at {story.place}"
    console.print(f"  id {story.document_id}   batch {story.batch} shard {story.shard}{place}", style="dim")


def _show_story(story: Story, console: Console, *, all_values: bool) -> None:
    show_head(story, console)
    fetched = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(story.fetched))
    _line(console, "ingest", "kept", f"taken in at {fetched}")
    for decision in story.decisions:
        _line(console, decision.stage, _outcome(decision), _reason(decision))
        for rule in decision.failed:
            _line(console, "", "", _rule(rule))
        for name, value in decision.facts.items() if all_values else ():
            _line(console, "", "", f"{name} = {number(value)}")
    if story.withdrawn_by:
        _line(console, "", "withdrawn", f"by batch {story.withdrawn_by}: changed or gone at its source")
    elif all(decision.is_kept for decision in story.decisions) and len(story.decisions) < len(STAGES_AFTER_INGEST):
        stage = STAGES_AFTER_INGEST[len(story.decisions)]
        _line(console, stage, "not yet", f"nightshift {stage}")


def _line(console: Console, stage: str, outcome: str, text: str) -> None:
    console.print(f"  {stage:<9} {outcome:<9} {text}".rstrip(), style="" if stage else "dim", soft_wrap=True)


def _outcome(decision: Decision) -> str:
    if not decision.is_kept:
        return "dropped"
    return str(decision.facts.get("split", "kept"))


def _reason(decision: Decision) -> str:
    facts = decision.facts
    if "duplicate_of" in facts:
        other = facts["duplicate_url"] or "a document that is gone"
        return f"{decision.reason} of {other} (id {facts['duplicate_of']}), found by {facts['method']}"
    if not decision.is_kept:
        return str(decision.reason)
    return {"scrub": _replaced, "tokenize": _placed}.get(decision.stage, _signals)(decision.stage, facts)


def _rule(rule: Mapping[str, Any]) -> str:
    """A failing rule; on which side of its limit a value lies says which bound it has."""
    value, limit = rule["value"], rule["limit"]
    bound = "at least" if value < limit else "at most" if value > limit else "limit"
    return f"{rule['rule']}: {number(value)}, {bound} {number(limit)}"


def _signals(stage: str, facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {number(facts[name])}" for name in TELLING.get(stage, ()) if name in facts)


def _replaced(_stage: str, facts: Mapping[str, Any]) -> str:
    found = [f"{name.removeprefix('num_')} {count}" for name, count in facts.items() if count]
    return f"personal data replaced: {', '.join(found)}" if found else "no personal data found"


def _placed(_stage: str, facts: Mapping[str, Any]) -> str:
    if facts.get("split") != "train":
        return "models are judged on it and never learn it"
    return f"{number(facts['num_tokens'])} tokens, from row {facts['first_row']} token {facts['first_offset']}"
