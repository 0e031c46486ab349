"""`nightshift why`: what each stage decided on a document, and on what values."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from flows.console import make_console
from flows.show.tables import number, print_json
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.ingest.sources import FolderSource, Source
from pipeline_lib.past.ledger import STAGES_OF_DOCUMENTS, Decision, Story, why
from pipeline_lib.past.names import quarantined, urls_near
from pipeline_lib.stages import BY_WORD
from pipeline_lib.store.forgotten import Tombstone, stones_of
from pipeline_lib.store.workspace import Workspace

SUGGESTIONS = 5


def show_why(
    workspace: Workspace, document: str, *, all_values: bool, as_json: bool, sources: Sequence[Source] = ()
) -> None:
    """The way of all versions of a document, or why a record never became one, or why a file of `sources` is not read.

    Raises `SettingsError`, with the nearest names, when nothing is known of it.
    """
    stories = why(workspace, document)
    records = [] if stories else quarantined(workspace, document)
    is_known = bool(stories or records)
    forgotten = [] if is_known else stones_of(workspace.root, document)
    near = [] if is_known or forgotten else urls_near(workspace, document, SUGGESTIONS)
    if as_json:
        told = {"documents": [asdict(story) for story in stories], "quarantined": [asdict(one) for one in records]}
        print_json({**told, "near": near, "forgotten": [asdict(one) for one in forgotten]})
    if forgotten and not as_json:
        say_forgotten(forgotten, make_console())
    is_known = is_known or bool(forgotten)
    if not is_known:
        raise SettingsError(_not_read(sources, document) or unknown_document(workspace, document, near))
    if as_json:
        return
    console = make_console()
    for story in stories:
        _show_story(story, console, all_values=all_values)
    for record in records:
        text = f"{record.place}: {record.reason}; set aside in batch {record.batch}, it never became a document"
        console.print(text, soft_wrap=True)


def _not_read(sources: Sequence[Source], document: str) -> str:
    """What to say of a file that lies in a source and that no reader takes; "" of all others."""
    for source in sources:
        kind = source.why_not_read(document) if isinstance(source, FolderSource) else None
        if kind is not None:
            return f"{document!r}: lies in source {source.name!r} and is not read, being of the kind {kind!r}."
    return ""


def unknown_document(workspace: Workspace, document: str, near: Sequence[str]) -> str:
    """What to say of a URL or id that no batch has."""
    advice = "\n  ".join(["Did you mean one of these?", *near]) if near else "nightshift ingest takes in what is new."
    return f"{document!r}: no document of {workspace.root} has that URL or id. {advice}"


def say_forgotten(stones: Sequence[Tombstone], console: Console) -> None:
    """What is left to tell of documents that are forgotten."""
    for stone in stones:
        day = time.strftime("%Y-%m-%d", time.localtime(stone.at))
        left = "nothing of it is left" if stone.purged else "maintenance takes it out of what is there"
        models = f"; models that learned it: {', '.join(one[:8] for one in stone.models)}" if stone.models else ""
        console.print(f"forgotten on {day} ({stone.source}): {left}{models}", soft_wrap=True)


def show_head(story: Story, console: Console) -> None:
    """Which version of which document."""
    console.print(f"{story.url}  ({story.source})", style="bold", soft_wrap=True)
    place = "" if story.place == story.url else f"   at {story.place}"
    where = f"  id {story.document_id}   batch {story.batch} shard {story.shard}{place}"
    console.print(where, style="dim", soft_wrap=True)


def _show_story(story: Story, console: Console, *, all_values: bool) -> None:
    show_head(story, console)
    taken_in = "" if story.fetched is None else time.strftime(" at %Y-%m-%d %H:%M:%S", time.localtime(story.fetched))
    _line(console, "ingest", "kept", f"taken in{taken_in}")
    decisions = {decision.stage: decision for decision in story.decisions}
    for stage in STAGES_OF_DOCUMENTS:
        if stage.word in decisions:
            _show_decision(decisions[stage.word], story, console, all_values=all_values)
        elif stage.word in story.lost:
            _line(console, stage.word, "unknown", "its ledger was released, or is damaged")
        elif stage.word == story.waits_for:
            _line(console, stage.word, "not yet", f"nightshift {stage.word}")
    if story.withdrawn_by:
        _line(console, "", "withdrawn", f"by batch {story.withdrawn_by}: changed or gone at its source")
    if story.left_out:
        _line(console, "", "left out", f"of the snapshot: {story.left_out}")


def _show_decision(decision: Decision, story: Story, console: Console, *, all_values: bool) -> None:
    _line(console, decision.stage, _outcome(decision, story), _reason(decision, story))
    for rule in decision.failed:
        _line(console, "", "", _rule(rule))
    for name, value in decision.facts.items() if all_values else ():
        _line(console, "", "", f"{name} = {number(value)}")


def _line(console: Console, stage: str, outcome: str, text: str) -> None:
    console.print(f"  {stage:<9} {outcome:<9} {text}".rstrip(), style="" if stage else "dim", soft_wrap=True)


def _outcome(decision: Decision, story: Story) -> str:
    if not decision.is_kept:
        return "dropped"
    if decision.stage != "tokenize" or story.is_held_out is None:
        return "kept"
    return "heldout" if story.is_held_out else "train"


def _reason(decision: Decision, story: Story) -> str:
    facts = decision.facts
    if "duplicate_of" in facts:
        other = facts["duplicate_url"] or "a document that is gone"
        return f"{decision.reason} of {other} (id {facts['duplicate_of']}), found by {facts['method']}"
    if not decision.is_kept:
        return str(decision.reason)
    if decision.stage == "scrub":
        return _replaced(facts)
    if decision.stage == "tokenize":
        judged = "; models are judged on it and never learn it" if story.is_held_out else ""
        return f"{number(facts['num_tokens'])} tokens{judged}"
    return _told(decision)


def _rule(rule: Mapping[str, Any]) -> str:
    """A failing rule; on which side of its limit a value lies says which bound it has. Some have no number."""
    value, limit = rule["value"], rule["limit"]
    if value is None or limit is None:
        return str(rule["rule"])
    bound = "at least" if value < limit else "at most" if value > limit else "limit"
    return f"{rule['rule']}: {number(value)}, {bound} {number(limit)}"


def _told(decision: Decision) -> str:
    """Of many values those that say most, by the table of stages."""
    ledger = BY_WORD[decision.stage].ledger
    names = [name for name in (ledger.telling if ledger else ()) if name in decision.facts]
    return ", ".join(f"{name} {number(decision.facts[name])}" for name in names)


def _replaced(facts: Mapping[str, Any]) -> str:
    found = [f"{name.removeprefix('num_')} {count}" for name, count in facts.items() if count]
    return f"personal data replaced: {', '.join(found)}" if found else "no personal data found"
