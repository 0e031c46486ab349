"""`nightshift try`: one document through ingest, steps of clean, dedup and scrub: what each changed, and its limits."""

import math
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from difflib import unified_diff
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from flows.console import make_console
from flows.show.tables import number, print_json, table
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.words import counted
from pipeline_lib.ingest.documents import Document
from pipeline_lib.ingest.records import Bad
from pipeline_lib.past.names import url_of
from pipeline_lib.plan.trial import Question, Trial, records_of, tried
from pipeline_lib.plan.trial_page import Web, page_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace

STDIN = "-"
MOST_LINES = 40  # of what a stage changed
UNSEEN = ("Cc", "Cf")  # categories of Unicode: controls, formats
STYLES = {"+": "green", "-": "red", "@": "cyan"}


def show_trial(settings: Settings, named: str, wanted: int, web: Web, *, only_text: bool, as_json: bool) -> None:
    """Try the document `wanted` (from 1) of a file, or the page of an address. Raises `SettingsError` where there is
    none."""
    with _records_of(settings, named, web) as records:
        item = next(islice(records, wanted - 1, None), None)
    if item is None:
        raise SettingsError(f"{named}: has less than {wanted} records.")
    if isinstance(item, Bad):
        where = "" if item.line is None else f":{item.line}"
        raise SettingsError(f"{named}{where}: {item.reason}: it never becomes a document.")
    workspace = Workspace(settings.workspace.resolve())
    trial = tried(settings, item, workspace if workspace.state.is_dir() else None)
    if as_json:
        asked = [_as_data(one) for one in trial.questions]
        print_json({**asdict(trial), "questions": asked, "reason": trial.reason or None})
    elif only_text:
        sys.stdout.write(trial.scrubbed or "")
    else:
        _show(trial, item, workspace, make_console())


def _as_data(asked: Question) -> dict[str, Any]:
    """For programs; JSON has no NaN."""
    numbers = {
        name: None if math.isnan(value) else value for name, value in (("value", asked.value), ("limit", asked.limit))
    }
    return {**asdict(asked), **numbers, "bound": asked.bound or None, "is_asked": asked.is_asked}


@contextmanager
def _records_of(settings: Settings, named: str, web: Web) -> Iterator[Iterator[Document | Bad]]:
    """The documents; a page, and what comes in on standard input, lie in a private folder until then."""
    if named.lower().startswith(("http://", "https://")):
        with TemporaryDirectory() as folder:
            yield page_of(settings, named, web, Path(folder))
        return
    with _place_of(named) as place:
        yield records_of(settings, place)


@contextmanager
def _place_of(named: str) -> Iterator[Path]:
    """The file."""
    if named != STDIN:
        yield Path(named)
        return
    data = sys.stdin.buffer.read()
    with TemporaryDirectory() as folder:
        place = Path(folder) / ("stdin.html" if data.lstrip().startswith(b"<") else "stdin.txt")
        place.write_bytes(data)
        yield place


def _show(trial: Trial, document: Document, workspace: Workspace, console: Console) -> None:
    told = "".join(f"\n  {name}: {value}" for name, value in trial.told.items())
    console.print(f"{trial.place}  {trial.form}, {len(trial.raw):,} characters{told}", soft_wrap=True)
    console.print("\nclean", style="bold")
    if trial.num_tags is not None:
        kept = "no text" if trial.extracted is None else f"{len(trial.extracted):,} characters of text"
        console.print(f"  {kept} of {len(trial.raw):,} characters with {trial.num_tags:,} tags")
        _lines((trial.extracted or "").splitlines(), console)
    _steps(trial, console)
    console.print(f"  language {trial.language or 'unknown'}")
    _limits(trial, console)
    _dedup(trial, workspace, console)
    if trial.scrubbed is not None or any(trial.found.values()):
        console.print("\nscrub", style="bold")
        found = ", ".join(f"{kind} {count}" for kind, count in trial.found.items() if count)
        console.print(f"  found: {found or 'nothing'}")
        if trial.scrubbed is not None:
            _changes(trial.text or "", trial.scrubbed, console)
    is_compared = trial.alike is not None and not trial.alike.unasked
    kept = "kept" if is_compared else "kept, unless dedup finds it elsewhere"
    kept = f"dropped: {trial.reason}" if trial.reason else kept
    console.print(f"\n{kept}", style="bold green" if not trial.reason else "bold red")


def _dedup(trial: Trial, workspace: Workspace, console: Console) -> None:
    """What is there already of it."""
    alike = trial.alike
    if alike is None:
        return
    console.print("\ndedup", style="bold")
    if alike.unasked:
        console.print(f"  not asked: {alike.unasked}", soft_wrap=True)
    elif not alike.document_id:
        console.print("  nothing that is there is like it")
    else:
        other = url_of(workspace, alike.document_id) or "a document that is gone"
        how = f"nearly the same (Jaccard {alike.jaccard:.2f})" if alike.is_near else "the same text"
        console.print(f"  {how}: {other} (id {alike.document_id})", soft_wrap=True, style="red")


def _steps(trial: Trial, console: Console) -> None:
    """What each step of clean changed, those that had nothing to do in one line."""
    idle = []
    for step in trial.steps:
        if step.is_spared:
            console.print(f"  {step.name}: would leave nothing of the text, or far too much: it stays as it was")
        elif step.before == step.after:
            idle.append(step.name)
        else:
            console.print(f"  {step.name}: {_told(len(step.before) - len(step.after))}")
            _changes(step.before, step.after, console)
    if idle:
        console.print(f"  nothing to do for {', '.join(dict.fromkeys(idle))}", style="dim")


def _told(num_less: int) -> str:
    if not num_less:
        return "as long as before"
    return f"{counted(abs(num_less), 'character')} {'less' if num_less > 0 else 'more'}"


def _changes(before: str, after: str, console: Console) -> None:
    """What was changed, by lines."""
    changed = list(unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    if not changed:
        console.print("  nothing changed")
    _lines(changed, console)


def _lines(lines: list[str], console: Console) -> None:
    for line in map(_visible, lines[:MOST_LINES]):
        console.print(f"  {line}", style=STYLES.get(line[:1], ""), soft_wrap=True)
    if len(lines) > MOST_LINES:
        console.print(f"  {len(lines) - MOST_LINES:,} more lines")


def _visible(line: str) -> str:
    """What nobody would see, or a terminal would obey, by its number: that it went is often all that changed."""
    return "".join(
        f"<U+{ord(sign):04X}>" if unicodedata.category(sign) in UNSEEN and sign != "\t" else sign for sign in line
    )


def _limits(trial: Trial, console: Console) -> None:
    made = table("rule", "value", "limit", "")
    for asked in trial.questions:
        if math.isnan(asked.limit) and not asked.is_failed:
            continue
        limit = f"{asked.bound} {number(asked.limit)}" if asked.bound else ""
        value = "" if math.isnan(asked.value) else number(asked.value)
        said = asked.reason if asked.is_failed else "" if asked.is_asked else "not asked of such a text"
        made.add_row(asked.name, value, limit, said, style="red" if asked.is_failed else "")
    console.print(made)
