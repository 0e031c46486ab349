"""What a batch comes to, from its columns: each stage's ledger is read beside the text that came in, row by row.

    text (ids, fields, sizes), signals -> all rows -> ledger of clean -> those it kept -> ledger of dedup -> ...

Text is looked at for its size alone; all but a few numbers a document is held for one piece (rows.py). What is not
there any more is counted as that, and left out.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline_lib.clean.entity_stage import ENTITIES, FOUND
from pipeline_lib.clean.model_kind import SCORES_FILE
from pipeline_lib.clean.model_kinds import KINDS
from pipeline_lib.clean.signals import LANGUAGE
from pipeline_lib.clean.stage import TERMINOLOGY_FILE
from pipeline_lib.clean.steps.counts import counts_in
from pipeline_lib.past.ledger import STAGES_OF_DOCUMENTS
from pipeline_lib.past.made import INGEST, made_last, opened, raw_shards
from pipeline_lib.plan.last import kept_of
from pipeline_lib.report import counts as key
from pipeline_lib.report.counts import Counts
from pipeline_lib.report.draw import Candidates, Draw, merged
from pipeline_lib.report.fields import add_fields
from pipeline_lib.report.rows import (
    COUNTING,
    SIGNALS,
    TEXT,
    UNKNOWN,
    Flags,
    Rows,
    Shard,
    all_rows,
    columns_of,
    flags_of,
    sizes_of,
)
from pipeline_lib.report.values import counted
from pipeline_lib.run.step import manifest_of
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.files import read_json
from pipeline_lib.store.local import Store
from pipeline_lib.store.schemas import DOCUMENTS_FILE, SIGNALS_FILE
from pipeline_lib.store.tables import iterate, num_rows
from pipeline_lib.store.workspace import Batch, Workspace
from pipeline_lib.text.buffers import buffers_of
from pipeline_lib.text.han_scripts import scripts_of

CHINESE = "zh"
TERMS = "clean.terms"
SCRUB, TOKENIZE = "scrub", "tokenize"  # the stages whose ledgers count something beside documents


@dataclass
class Found:
    """What batches come to."""

    counts: Counts = field(default_factory=Counter)
    candidates: Candidates = field(default_factory=dict)

    def add(self, other: "Found", at_most: int) -> None:
        """Add what others come to, and keep the first candidates of each reason."""
        self.counts.update(other.counts)
        self.draw(other.candidates, at_most)

    def draw(self, more: Candidates, at_most: int) -> None:
        """Keep the first candidates of each reason."""
        if more and at_most:
            self.candidates = merged(self.candidates, more, at_most)


def measure(workspace: Workspace, batch: Batch, at_most: int, *, has_scripts: bool = False) -> Found:
    """What one batch comes to, with at most so many candidates for a sample of each reason.

    `has_scripts`: whether it is counted which script Chinese documents are in, which looks at their text.
    """
    found, store = Found(), workspace.store
    _add_files(store, batch, found.counts)
    _add_works(workspace, batch, found.counts)
    raws = raw_shards(store, batch)
    scoring = [kind.scores.name for kind in KINDS if made_last(workspace, "clean", batch, kind.scores.name)]
    for number, text in enumerate(made_last(workspace, "clean", batch, TEXT)):
        shard = Shard(workspace, batch, number)
        documents, signals = shard.file(TEXT, DOCUMENTS_FILE), shard.file(SIGNALS, SIGNALS_FILE)
        if documents is None or signals is None:
            found.counts[key.UNSEEN, batch.source] += 1
            continue
        rows = all_rows(documents, signals)
        _add_values(signals, found.counts)
        for scores in filter(None, (shard.file(maker, SCORES_FILE) for maker in scoring)):
            _add_values(scores, found.counts)
        _add_terms(shard, found.counts)
        add_fields(documents, batch.source, found.counts)
        if has_scripts:
            _add_scripts(documents, batch.source, rows, found.counts)
        _add_read(shard, raws[number] if number < len(raws) else None, rows, found.counts)
        _follow(shard, rows, Draw(text, batch.source, at_most), found)
    return found


def _follow(shard: Shard, rows: Rows, draw: Draw, found: Found) -> None:
    """Add what each stage made of the rows, as far as they came."""
    source = shard.batch.source
    for stage in STAGES_OF_DOCUMENTS:
        pieces = shard.ledger(stage, rows)
        if pieces is None:
            return
        flags = [np.zeros(0, np.bool_)]
        for part, own in pieces:
            is_kept = flags_of(part["is_kept"])
            flags.append(is_kept)
            _add_decisions(stage.word, part, source, own, found.counts)
            found.draw(draw.dropped(stage.word, part, own), draw.at_most)
            if stage.word == TOKENIZE:
                _add_tokens(part, source, own, is_kept, found.counts)
                found.draw(draw.kept(part, own, is_kept), draw.at_most)
        rows = rows.where(np.concatenate(flags))
        rows = shard.resized(rows) if stage.word == SCRUB else rows
        _add_rows(key.OUT, stage.word, source, rows, found.counts)


def _add_values(signals: Path, counts: Counts) -> None:
    """How often each value comes of each signal, or of each score of models."""
    names = [name for name in columns_of(signals) if name != LANGUAGE]
    for part in iterate(signals, names):
        for name in names:
            for value, number in counted(np.asarray(part[name].cast(pa.float64()).fill_null(np.nan))).items():
                counts[key.VALUE, name, repr(value)] += number


def _add_scripts(documents: Path, source: str, rows: Rows, counts: Counts) -> None:
    is_chinese = np.array([name == CHINESE for name in rows.names], np.bool_)[rows.languages]
    at = 0
    for part in iterate(documents, ["text"]):
        scripts = scripts_of(*buffers_of(part["text"].combine_chunks()))[is_chinese[at : at + part.num_rows]]
        at += part.num_rows
        for script, number in zip(key.SCRIPTS, np.bincount(scripts, minlength=len(key.SCRIPTS)).tolist(), strict=True):
            counts[key.SCRIPT, source, script] += number


def _add_terms(shard: Shard, counts: Counts) -> None:
    """The terms of the user's list and what a pipeline of theirs found, where there is one and it is there yet."""
    terms, entities = (_manifest(shard, maker) for maker in (TERMS, ENTITIES.name))
    has_list = terms is not None and any(entry.name == TERMINOLOGY_FILE for entry in terms.files)
    path = shard.file(TERMS, TERMINOLOGY_FILE) if has_list else None
    for term, (num_matches, num_documents) in ({} if path is None else read_json(path)).items():
        counts[key.TERM, term, shard.batch.source] += num_matches
        counts[key.HOLDING, term, shard.batch.source] += num_documents
    for fact, number in ({} if entities is None else dict(entities.facts)).items():
        counts[key.ENTITY, fact.removeprefix(FOUND), shard.batch.source] += number


def _manifest(shard: Shard, maker: str) -> Manifest | None:
    refs = made_last(shard.workspace, "clean", shard.batch, maker)
    return manifest_of(shard.workspace.store, refs[shard.number]) if shard.number < len(refs) else None


def _add_read(shard: Shard, raw: Ref | None, rows: Rows, counts: Counts) -> None:
    """What ingest made of what it met; in a language where a document came of it."""
    source = shard.batch.source
    manifest = None if raw is None else manifest_of(shard.workspace.store, raw)
    for reason, number in ({} if manifest is None else dict(manifest.dropped)).items():
        counts[key.DROPPED, INGEST, reason, source] += number
        counts[key.IN, INGEST, source, UNKNOWN] += number
    for language, number in rows.by_language():
        counts[key.IN, INGEST, source, language] += number
        counts[key.OUT, INGEST, source, language] += number
    path = None if raw is None else opened(shard.workspace.store, raw, DOCUMENTS_FILE)
    if path is not None and num_rows(path) == len(rows.places):
        for language, number in rows.by_language(sizes_of(path)):
            counts[key.BYTES, INGEST, source, language] += number


def _add_rows(kind: str, stage: str, source: str, rows: Rows, counts: Counts) -> None:
    for language, number in rows.by_language():
        counts[kind, stage, source, language] += number
    for language, number in rows.by_language(rows.sizes) if kind == key.OUT else ():
        counts[key.BYTES, stage, source, language] += number


def _add_decisions(stage: str, ledger: pa.Table, source: str, rows: Rows, counts: Counts) -> None:
    _add_rows(key.IN, stage, source, rows, counts)
    for reason, number in _numbers(ledger["reason"].drop_null()).items():
        counts[key.DROPPED, stage, reason, source] += number
    failed = ledger["failed"].combine_chunks()
    alone = failed.filter(pc.equal(pc.list_value_length(failed), 1))
    for kind, lists in ((key.FAILED, failed), (key.ALONE, alone)):
        for rule, number in _numbers(pc.struct_field(pc.list_flatten(lists), "rule")).items():
            counts[kind, rule, source] += number
    for name in ledger.column_names if stage == SCRUB else ():
        if name.startswith(COUNTING) and (number := pc.sum(ledger[name]).as_py()):
            counts[key.REPLACED, name.removeprefix(COUNTING), source] += number


def _add_tokens(ledger: pa.Table, source: str, rows: Rows, is_kept: Flags, counts: Counts) -> None:
    tokens = np.asarray(ledger["num_tokens"].combine_chunks().fill_null(0), np.int64)
    for language, number in rows.where(is_kept).by_language(tokens[is_kept]):
        counts[key.TOKENS, source, language] += number


def _numbers(column: Any) -> dict[str, int]:
    """How often each value of a column comes."""
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist()}


def _add_files(store: Store, batch: Batch, counts: Counts) -> None:
    """What the batch says of its files, and of what it withdraws. A file of several shards has a row for each."""
    ref = Ref(INGEST, batch.fingerprint)
    inventory, stones = (opened(store, ref, f"{name}.parquet") for name in ("inventory", "tombstones"))
    counts[key.WITHDRAWN, batch.source] += 0 if stones is None else num_rows(stones)
    paths = set[str]()
    for part in () if inventory is None else iterate(inventory, ["path", "digest", "bytes", "num_lost"]):
        counts[key.GONE_FILES, batch.source] += part["digest"].null_count
        paths.update(part["path"].filter(part["digest"].is_valid()).to_pylist())
        counts[key.STORED, batch.source] += pc.sum(part["bytes"]).as_py() or 0
        counts[key.LOST, batch.source] += pc.sum(part["num_lost"]).as_py() or 0
    counts[key.FILES, batch.source] += len(paths)


def _add_works(workspace: Workspace, batch: Batch, counts: Counts) -> None:
    """How long each maker worked on the batch, and on how much."""
    for stage in (INGEST, *(stage.word for stage in STAGES_OF_DOCUMENTS)):
        for kept in kept_of(workspace, f"{stage}-{batch.name}"):
            if (manifest := manifest_of(workspace.store, kept.ref)) is not None:
                counts[key.MILLISECONDS, kept.maker] += round(1000 * manifest.seconds)
                counts[key.WORKS, kept.maker] += 1
                _add_steps(manifest, counts)


def _add_steps(manifest: Manifest, counts: Counts) -> None:
    """What steps of clean did, as the maker says that did it, and the seconds of the processor by part of a work."""
    for part, seconds in manifest.cpu_seconds.items():
        counts[key.CPU_MILLISECONDS, part] += round(1000 * seconds)
    for step, count in counts_in(manifest.facts if manifest.maker == TEXT else {}).items():
        counts[key.CHANGED, step] += count.num_changed
        counts[key.CHARS_REMOVED, step] += count.num_chars_removed
        counts[key.SPARED, step] += count.num_spared
