"""`nightshift trace`: from a model back to its text, or from a document to the models that learned it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.console import Console

from flows.console import make_console
from flows.show.tables import clock, print_json, table
from flows.show.why import SUGGESTIONS, say_forgotten, show_head, unknown_document
from pipeline_lib.base.errors import DamagedArtifact, DataError, SettingsError
from pipeline_lib.past.ledger import Story, why
from pipeline_lib.past.names import urls_near
from pipeline_lib.past.trace import Benchmark, Seen, Training, benchmarks_with, models_beside, trainings
from pipeline_lib.register import stage as register
from pipeline_lib.register.glance import check_whole, glance
from pipeline_lib.register.registry import CHAMPION, Registry, Version, aliases, versions
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.forgotten import stones_of
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.stage import TRAIN

if TYPE_CHECKING:
    from pipeline_lib.past.reads import DocumentRead

MODEL_URI = re.compile(r"^models:/(?P<name>[^@/]+)[@/](?P<which>.+)$")
Names = Mapping[str, str]  # what people call a model, by its fingerprint


@dataclass(frozen=True)
class Steps:
    """Which steps of a training are asked about: the documents of none, of all, or of one."""

    is_all: bool = False
    number: int | None = None  # from 1


def show_model(settings: Settings, workspace: Workspace, model: str | None, steps: Steps, *, as_json: bool) -> None:
    """Snapshot, tokenizer, batches and ancestors of a version, or the documents that its steps read.

    Raises `SettingsError` when there is no such version, or no such step.
    """
    registry, version = _find(register.registry_of(settings.of(RegisterSettings), workspace.root), model or CHAMPION)
    chain, names = _trainings(workspace, version), _names(registry)
    documents = _documents(workspace, chain[0], steps, names)
    if as_json:
        print_json(_as_data(registry, version, chain, steps, documents))
        return
    console = make_console()
    console.print(f"{registry.name} {names[version.model_fingerprint]}", style="bold")
    if documents is not None:
        _show_documents(documents, chain[0], steps, console)
        return
    for name in ("snapshot_digest", "tokenizer_fingerprint", "model_fingerprint", "code_revision"):
        console.print(f"  {name.replace('_', ' '):<22} {version.tags.get(f'nightshift.{name}', 'unknown')}")
    for training in chain:
        _show_training(training, names, console)
    console.print(
        "\n--all lists its documents, --step N those of one step; nightshift trace --document URL says who learned one",
        style="dim",
    )


def _trainings(workspace: Workspace, version: Version) -> list[Training]:
    """How a version came to be. Raises `DataError` where what tells it is gone: nothing is made again by looking."""
    try:
        return trainings(workspace.store, version.model_fingerprint)
    except DamagedArtifact as exc:
        raise DataError(
            f"version {version.number}: its artifact {TRAIN.stage}/{version.model_fingerprint} is gone or damaged, so "
            "nobody can say how it was trained. nightshift run makes it again where nights go on from it; else put it "
            "back from a backup. The version in MLflow may be whole all the same: nightshift verify reads it."
        ) from exc


def _documents(workspace: Workspace, training: Training, steps: Steps, names: Names) -> "list[DocumentRead] | None":
    """What the steps that are asked about have read; of one step what it read most of first."""
    from pipeline_lib.past.reads import documents_read

    if not steps.is_all and steps.number is None:
        return None
    model = workspace.store.read(TRAIN.stage, training.fingerprint)
    if steps.number is None:
        return list(documents_read(workspace.store, model, 0, training.num_steps))
    if not 1 <= steps.number <= training.num_steps:
        raise SettingsError(
            f"--step {steps.number}: {_named(training.fingerprint, names)} took {training.num_steps:,} steps. "
            f"Ask for one from 1 to {training.num_steps}."
        )
    found = documents_read(workspace.store, model, steps.number - 1, steps.number)
    return sorted(found, key=lambda document: -document.num_read)


def _as_data(
    registry: Registry,
    version: Version,
    chain: Sequence[Training],
    steps: Steps,
    documents: "Iterable[DocumentRead] | None",
) -> Mapping[str, Any]:
    return {
        "model": registry.name,
        "version": version.number,
        "aliases": sorted(alias for alias, number in aliases(registry).items() if number == version.number),
        "tags": dict(version.tags),
        "trainings": [asdict(training) for training in chain],
        "step": steps.number,
        "documents": None if documents is None else [asdict(document) for document in documents],
    }


def _show_training(training: Training, names: Names, console: Console) -> None:
    start = f"went on from the trunk of {_named(training.trunk, names)}" if training.trunk else "started from scratch"
    console.print(f"\ntraining of {_named(training.fingerprint, names)}  {clock(training.created)}", style="bold")
    console.print(
        f"  {start}; {training.num_steps:,} steps ({training.trunk_steps:,} on the trunk) "
        f"over {training.num_tokens:,} tokens"
    )
    console.print(f"  tokenizer {training.tokenizer}", style="dim")
    if training.snapshot is None:
        console.print("  its snapshot is gone: what it could read is not known any more", style="dim")
        return
    left_out = f"; {training.snapshot.num_left_out:,} documents left out" if training.snapshot.num_left_out else ""
    console.print(f"  snapshot {training.snapshot.digest}{left_out}", style="dim")
    shown = table("  batch", "read by its trunk", "documents", "tokens", "held out")
    for part in training.snapshot.batches:
        figures = (part.num_documents, part.num_tokens, part.num_held_out)
        shown.add_row(f"  {part.label}", part.is_read, *(f"{figure:,}" for figure in figures))
    console.print(shown)


def _show_documents(documents: "Sequence[DocumentRead]", training: Training, steps: Steps, console: Console) -> None:
    if steps.number is None:
        heading = f"{len(documents):,} documents in its own {training.num_steps:,} steps"
    else:
        phase = "trunk" if steps.number <= training.trunk_steps else "branch"
        heading = f"{len(documents):,} documents in step {steps.number:,} of {training.num_steps:,}, on the {phase}"
    console.print(f"\n{heading}: tokens read, of those it has; document; id", style="bold")
    for document in documents:
        url = document.url or "(its url is gone)"
        read = f"{document.num_read:>7,} of {document.num_tokens:>7,}"
        console.print(f"  {read}  {url}  {document.document_id}", soft_wrap=True)


def show_document(settings: Settings, workspace: Workspace, document: str, *, as_json: bool) -> None:
    """Which models learned a document. Raises `SettingsError` when it is not known."""
    stories = why(workspace, document)
    if not stories and (forgotten := stones_of(workspace.root, document)):
        told = [{"forgotten": asdict(stone)} for stone in forgotten]
        print_json(told) if as_json else say_forgotten(forgotten, make_console())
        return
    if not stories:
        raise SettingsError(unknown_document(workspace, document, urls_near(workspace, document, SUGGESTIONS)))
    found = [(story, _benchmarks(workspace, story), models_beside(workspace.store, story)) for story in stories]
    if as_json:
        rows = ((asdict(story), map(asdict, judged), map(asdict, seen)) for story, judged, seen in found)
        print_json([{**story, "benchmarks": [*judged], "models": [*seen]} for story, judged, seen in rows])
        return
    registry = register.registry_of(settings.of(RegisterSettings), workspace.root)
    check_whole(registry.place)
    names = _names(registry)
    console = make_console()
    for story, judged, seen in found:
        show_head(story, console)
        for line in [*_fate(story, judged), *_models(seen, names)]:
            console.print(f"  {line}", soft_wrap=True)


def _benchmarks(workspace: Workspace, story: Story) -> list[Benchmark]:
    return benchmarks_with(workspace.store, story.document_id) if story.is_held_out else []


def _fate(story: Story, judged: Sequence[Benchmark]) -> Sequence[str]:
    """What became of it, when no later model learns it."""
    lines = [f"withdrawn by batch {story.withdrawn_by}: no later model learns it"] if story.withdrawn_by else []
    last = story.decisions[-1] if story.decisions else None
    if last is not None and not last.is_kept:
        return [*lines, f"dropped in {last.stage}: {last.reason} (nightshift why has the values)"]
    if story.is_held_out:
        where = ", ".join(f"{benchmark.name}-{benchmark.generation}" for benchmark in judged) or "none so far"
        return [*lines, f"held out: models are judged on it and never learn it; benchmarks that have it: {where}"]
    if story.left_out:
        return [*lines, f"left out of the snapshot: {story.left_out}"]
    return lines


def _models(seen: Sequence[Seen], names: Names) -> Sequence[str]:
    return [_sentence(one, names) for one in seen] or ["no model of this workspace has learned it"]


def _sentence(seen: Seen, names: Names) -> str:
    name = _named(seen.model, names)
    parts = []
    if seen.own is not None and seen.own.num_read != 0:
        parts.append(_share(seen.own.num_read, seen.own.num_tokens))
    for share in seen.inherited:
        trunk = f"the trunk of {_named(share.training, names)}"
        parts.append(f"{_share(share.num_inherited, share.num_tokens)} by {trunk}")
    if parts:
        return f"{name} learned {', and '.join(parts)}"
    return f"{name} had it among its text, but its steps did not come to it"


def _share(num_read: int | None, num_tokens: int | None) -> str:
    if num_read is None:
        return "an unknown part of it (something that its training read is gone)"
    return f"{num_read:,} of its {num_tokens:,} tokens"


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
    check_whole(registry.place)
    seen = glance(registry.place, registry.name)
    if seen is not None and not seen.models:  # MLflow would make its database to say so
        raise _without_versions(registry)
    every, pointed = versions(registry), aliases(registry)
    number = int(spoken) if spoken.isdecimal() else pointed.get(spoken)
    for version in every:
        if version.number == number:
            return registry, version
    if not every:
        raise _without_versions(registry)
    known = ", ".join(_called(version.number, pointed) for version in every[-8:])
    raise SettingsError(f"{registry.name}: there is no version or alias {spoken!r}. There are {known}.")


def _without_versions(registry: Registry) -> SettingsError:
    return SettingsError(f"{registry.name} has no version yet. Make one with nightshift run, or name another model.")
