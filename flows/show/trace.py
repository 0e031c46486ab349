"""`nightshift trace`: from a model back to its text, or from a document to the models that learned it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from rich.console import Console

from flows.console import make_console
from flows.show.tables import clock, print_json, table
from flows.show.why import SUGGESTIONS, show_head, unknown_document
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.past.ledger import Story, why
from pipeline_lib.past.lineage import Seen, Training, learned, models_beside, trainings
from pipeline_lib.past.names import urls_near
from pipeline_lib.register import stage as register
from pipeline_lib.register.registry import CHAMPION, Registry, Version, aliases, versions
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace

MODEL_URI = re.compile(r"^models:/(?P<name>[^@/]+)[@/](?P<which>.+)$")
Names = Mapping[str, str]  # what people call a model, by its fingerprint


def show_model(
    settings: Settings, workspace: Workspace, model: str | None, *, all_documents: bool, as_json: bool
) -> None:
    """Snapshot, tokenizer, batches and ancestors of a version. Raises `SettingsError` when there is no such version."""
    registry, version = _find(register.registry_of(settings.of(RegisterSettings), workspace.root), model or CHAMPION)
    chain, names = trainings(workspace, version.model_fingerprint), _names(registry)
    if as_json:
        print_json(_as_data(workspace, registry, version, chain, all_documents=all_documents))
        return
    console = make_console()
    console.print(f"{registry.name} {names[version.model_fingerprint]}", style="bold")
    for name in ("snapshot_digest", "tokenizer_fingerprint", "model_fingerprint", "code_revision"):
        console.print(f"  {name.replace('_', ' '):<22} {version.tags.get(f'nightshift.{name}', 'unknown')}")
    for training in chain:
        _show_training(training, names, console)
    if all_documents:
        _show_documents(workspace, version.model_fingerprint, console)
    else:
        console.print("\n--all lists its documents; nightshift trace --document URL says who learned one", style="dim")


def _as_data(
    workspace: Workspace, registry: Registry, version: Version, chain: Sequence[Training], *, all_documents: bool
) -> Mapping[str, Any]:
    own = learned(workspace, version.model_fingerprint) if all_documents else None
    return {
        "model": registry.name,
        "version": version.number,
        "aliases": sorted(alias for alias, number in aliases(registry).items() if number == version.number),
        "tags": dict(version.tags),
        "trainings": [asdict(training) for training in chain],
        "documents": None if own is None else [asdict(document) for document in own],
    }


def _show_training(training: Training, names: Names, console: Console) -> None:
    start = f"went on from the trunk of {_named(training.trunk, names)}" if training.trunk else "started from scratch"
    console.print(f"\ntraining of {_named(training.fingerprint, names)}  {clock(training.created)}", style="bold")
    console.print(
        f"  {start}; {training.num_steps:,} steps ({training.trunk_steps:,} on the trunk) "
        f"over {training.num_positions:,} tokens"
    )
    shown = table("  batch", "text", "documents", "tokens", "held out")
    for part in training.batches:
        text = "new" if part.is_new else "replayed in part"
        figures = (part.num_documents, part.num_tokens, part.num_heldout)
        shown.add_row(f"  {part.name}", text, *(f"{figure:,}" for figure in figures))
    console.print(shown)


def _show_documents(workspace: Workspace, fingerprint: str, console: Console) -> None:
    console.print("\ntokens learned in its own training, of those it has; document", style="bold")
    for document in learned(workspace, fingerprint):
        console.print(f"  {document.num_read:>7,} of {document.num_tokens:>7,}  {document.url}", soft_wrap=True)


def show_document(settings: Settings, workspace: Workspace, document: str, *, as_json: bool) -> None:
    """Which models learned a document. Raises `SettingsError` when it is not known."""
    stories = why(workspace, document)
    if not stories:
        raise SettingsError(unknown_document(workspace, document, urls_near(workspace, document, SUGGESTIONS)))
    found = [(story, models_beside(workspace, story)) for story in stories]
    if as_json:
        print_json([{**asdict(story), "models": [asdict(seen) for seen in models]} for story, models in found])
        return
    names = _names(register.registry_of(settings.of(RegisterSettings), workspace.root))
    console = make_console()
    for story, models in found:
        show_head(story, console)
        for line in [*_fate(story), *_models(models, names)]:
            console.print(f"  {line}", soft_wrap=True)


def _fate(story: Story) -> Sequence[str]:
    """What became of it, when no later model learns it."""
    lines = [f"withdrawn by batch {story.withdrawn_by}: no later model learns it"] if story.withdrawn_by else []
    last = story.decisions[-1] if story.decisions else None
    if last is not None and not last.is_kept:
        return [*lines, f"dropped in {last.stage}: {last.reason} (nightshift why has the values)"]
    if story.is_held_out:
        return [*lines, "held out: models are judged on it and never learn it"]
    if story.left_out:
        return [*lines, f"left out of the snapshot: {story.left_out}"]
    return lines


def _models(seen: Sequence[Seen], names: Names) -> Sequence[str]:
    lines = [_sentence(one, names) for one in seen if one.own is None or one.own.side == "train"]
    return lines or ["no model of this workspace has learned it"]


def _sentence(seen: Seen, names: Names) -> str:
    name = _named(seen.model, names)
    parts = []
    if seen.own is not None and seen.own.num_read:
        parts.append(f"{seen.own.num_read:,} of its {seen.own.num_tokens:,} tokens")
    for reading in seen.inherited:
        trunk = f"the trunk of {_named(reading.training, names)}"
        parts.append(f"{reading.num_inherited:,} of its {reading.num_tokens:,} tokens by {trunk}")
    if parts:
        return f"{name} learned {', and '.join(parts)}"
    return f"{name} had it among its text, but its steps did not come to it"


def _named(fingerprint: str, names: Names) -> str:
    return names.get(fingerprint, f"model {fingerprint[:8]} (not registered)")


def _names(registry: Registry) -> dict[str, str]:
    """`version 2 (champion)` by model fingerprint."""
    pointed = aliases(registry)
    return {version.model_fingerprint: _called(version.number, pointed) for version in versions(registry)}


def _called(number: int, pointed: Mapping[str, int]) -> str:
    own = [alias for alias, target in sorted(pointed.items()) if target == number]
    return f"version {number} ({', '.join(own)})" if own else f"version {number}"


def _find(registry: Registry, spoken: str) -> tuple[Registry, Version]:
    """The version that `2`, `champion`, `models:/NAME@champion` or `models:/NAME/2` means."""
    uri = MODEL_URI.match(spoken)
    if uri:
        registry, spoken = replace(registry, name=uri["name"]), uri["which"]
    every, pointed = versions(registry), aliases(registry)
    number = int(spoken) if spoken.isdecimal() else pointed.get(spoken)
    for version in every:
        if version.number == number:
            return registry, version
    if not every:
        raise SettingsError(f"{registry.name} has no version yet. Make one with nightshift run, or name another model.")
    known = ", ".join(_called(version.number, pointed) for version in every[-8:])
    raise SettingsError(f"{registry.name}: there is no version or alias {spoken!r}. There are {known}.")
