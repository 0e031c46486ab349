"""The plan from scrubbed documents to a snapshot: pinned tokenizer, token shards, the list that training starts from.

The tokenizer is trained once, on the batches that are there when it is first needed, and stays until its owner bumps
`tokenize.generation`. It is never older than the scrubbing: other scrub settings mean another tokenizer, since a
tokenizer trained on less scrubbed text may have learned a phone number as a word.
The held-out documents that models are judged on are frozen in the same way: those of the batches that were there first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline_lib.plan.documents import DocumentsPlan
from pipeline_lib.plan.steps import shard_work, summed, with_previous
from pipeline_lib.run.work import Step, Work
from pipeline_lib.scrub import stage as scrub
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store import schemas
from pipeline_lib.store.artifact import Manifest, Outcome, Store, digest_of, fingerprint
from pipeline_lib.store.files import write_json
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize import stage as tokenize
from pipeline_lib.tokenize.settings import TokenizeSettings

SNAPSHOT_FILE = "snapshot.json"
NOT_OF_THE_TOKENIZER = {"sequence_length", "heldout_share"}


@dataclass(frozen=True)
class TokensPlan:
    """Tokenizer, token shards of each batch, snapshot; and what is pinned when they are made."""

    tokenizer: Step
    tokens: tuple[Step, ...]
    snapshot: Step
    pins: dict[str, Any]
    heldout_shards: tuple[str, ...]  # token shards whose held-out documents models are judged on

    @property
    def stages(self) -> tuple[tuple[Step, ...], ...]:
        """The steps by stage, in the order in which they can be done."""
        return ((self.tokenizer,), self.tokens, (self.snapshot,))


def plan_tokens(settings: Settings, workspace: Workspace, documents: DocumentsPlan) -> TokensPlan:
    """Lay out the work from scrubbed documents to the snapshot."""
    names = tuple(work.fingerprint for step in documents.scrub for work in step.shards)
    tokenizer_pin = f"tokenizer-{digest_of(_tokenizer_identity(settings))}"
    trained_on = _trained_on(settings, workspace.store, tuple(workspace.pin(tokenizer_pin) or ()), names)
    tokenizer = _tokenizer_step(settings, trained_on)
    tokens = tuple(_token_step(settings.tokenize, step, tokenizer.whole.fingerprint) for step in documents.scrub)
    batches = [batch.fingerprint for batch in documents.batches]
    heldout_pin = f"heldout-{digest_of({'share': settings.tokenize.heldout_share})}"
    frozen = [name for name in workspace.pin(heldout_pin) or () if name in batches] or batches
    heldout = tuple(
        work.fingerprint
        for batch, step in zip(documents.batches, tokens, strict=True)
        if batch.fingerprint in frozen
        for work in step.shards
    )
    return TokensPlan(
        tokenizer=tokenizer,
        tokens=with_previous(tokens, documents.batches, workspace),
        snapshot=_snapshot_step(tokenizer, tokens, [batch.name for batch in documents.batches]),
        pins={tokenizer_pin: list(trained_on), heldout_pin: frozen},
        heldout_shards=heldout,
    )


def _trained_on(settings: Settings, store: Store, pinned: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
    """The scrubbed shards of the pinned tokenizer, or of a new one.

    A pinned tokenizer that was lost is trained again on the same text. If that text is gone too (a shard of old is not
    made again once it was replaced), tonight's text makes a new tokenizer, and so a new lineage.
    """
    if not pinned:
        return names
    whole = _tokenizer_step(settings, pinned).whole
    if store.condition(whole.stage, whole.fingerprint).is_present:
        return pinned
    can_rebuild = all(name in names or store.condition(scrub.STAGE, name).is_present for name in pinned)
    return pinned if can_rebuild else names


def _tokenizer_identity(settings: Settings) -> dict[str, Any]:
    own = settings.tokenize.model_dump(mode="json", exclude=NOT_OF_THE_TOKENIZER)
    return {"tokenizer": own, "scrub": settings.scrub.model_dump(mode="json"), "version": scrub.VERSION}


def _tokenizer_step(settings: Settings, trained_on: tuple[str, ...]) -> Step:
    decisive = {**settings.tokenize.model_dump(mode="json", exclude=NOT_OF_THE_TOKENIZER), "kind": "tokenizer"}
    whole = Work(
        tokenize.STAGE,
        tokenize.VERSION,
        "batch",
        fingerprint(tokenize.STAGE, tokenize.VERSION, decisive, trained_on),
        "tokenizer.v1",
        decisive,
        trained_on,
        partial(make_tokenizer, settings=settings.tokenize, names=trained_on),
        name="tokenizer",
    )
    return Step(tokenize.STAGE, "tokenizer", (), whole)


def make_tokenizer(*, settings: TokenizeSettings, names: Sequence[str], store: Store, folder: Path) -> Outcome:
    """Train the tokenizer."""
    return tokenize.train_tokenizer(settings, [_scrubbed(store, name) for name in names], folder)


def _token_step(settings: TokenizeSettings, scrubbed: Step, tokenizer: str) -> Step:
    shards = tuple(
        shard_work(
            tokenize.STAGE,
            tokenize.VERSION,
            settings,
            [work.fingerprint, tokenizer],
            partial(make_tokens, settings=settings, tokenizer=tokenizer, name=work.fingerprint),
            number=number,
        )
        for number, work in enumerate(scrubbed.shards)
    )
    return Step(tokenize.STAGE, scrubbed.label, shards, summed(tokenize.STAGE, tokenize.VERSION, shards))


def make_tokens(*, settings: TokenizeSettings, tokenizer: str, name: str, store: Store, folder: Path) -> Outcome:
    """Tokenize one scrubbed shard."""
    return tokenize.run(settings, store.open(tokenize.STAGE, tokenizer).path, _scrubbed(store, name), folder)


def _scrubbed(store: Store, name: str) -> Path:
    return store.open(scrub.STAGE, name, files=[schemas.DOCUMENTS_FILE]).file(schemas.DOCUMENTS_FILE)


def _snapshot_step(tokenizer: Step, tokens: Sequence[Step], labels: Sequence[str]) -> Step:
    names = tuple(step.whole.fingerprint for step in tokens)
    inputs = (tokenizer.whole.fingerprint, *names)
    decisive = {"kind": "snapshot"}
    whole = Work(
        tokenize.STAGE,
        tokenize.VERSION,
        "batch",
        fingerprint(tokenize.STAGE, tokenize.VERSION, decisive, inputs),
        "snapshot.v1",
        decisive,
        inputs,
        partial(make_snapshot, tokenizer=tokenizer.whole.fingerprint, names=names, labels=tuple(labels)),
        name="snapshot",
    )
    return Step(tokenize.STAGE, "snapshot", (), whole)


def make_snapshot(
    *, tokenizer: str, names: Sequence[str], labels: Sequence[str], store: Store, folder: Path
) -> Outcome:
    """Write the list of token batches with their statistics and content digests."""
    batches = [store.read(tokenize.STAGE, name) for name in names]
    entries = [_entry(label, manifest, store) for label, manifest in zip(labels, batches, strict=True)]
    content = {"tokenizer": store.read(tokenize.STAGE, tokenizer).digest, "batches": entries}
    digest = digest_of(content)
    write_json(folder / SNAPSHOT_FILE, {**content, "digest": digest})
    rows = sum(manifest.rows_out for manifest in batches)
    totals = {key: sum(entry[key] for entry in entries) for key in ("num_train_tokens", "num_train_documents")}
    return Outcome(rows, rows, facts={"digest": digest, "num_batches": len(batches), **totals})


def _entry(label: str, batch: Manifest, store: Store) -> dict[str, Any]:
    shards = [store.read(tokenize.STAGE, name) for name in batch.shards]
    return {
        "batch": label,
        "fingerprint": batch.fingerprint,
        "digest": digest_of([shard.digest for shard in shards]),
        "num_train_tokens": batch.facts.get("num_train_tokens", 0),
        "num_train_documents": batch.facts.get("num_train_documents", 0),
        "num_heldout_documents": batch.facts.get("num_heldout_documents", 0),
    }


def diff(new: dict[str, Any], old: dict[str, Any] | None) -> dict[str, Any]:
    """What a snapshot has that the one before had not: added, changed and removed batches, and tokens."""
    before = {entry["batch"]: entry for entry in (old or {}).get("batches", [])}
    after = {entry["batch"]: entry for entry in new["batches"]}
    shared = before.keys() & after.keys()
    tokens = [sum(e["num_train_tokens"] for e in side.values()) for side in (after, before)]
    return {
        "added": sorted(after.keys() - before.keys()),
        "changed": sorted(name for name in shared if after[name]["digest"] != before[name]["digest"]),
        "removed": sorted(before.keys() - after.keys()),
        "num_train_tokens": tokens[0] - tokens[1],
    }
