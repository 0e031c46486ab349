"""The demo's real documents as files: what a source of the kind `files` reads, and datatrove too."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq

from pipeline_lib.store.schemas import DOCUMENTS_FILE
from pipeline_lib.store.workspace import Workspace

CONFIG = """profile = "bench"
workspace = {workspace}

[[ingest.sources]]
kind = "files"
name = "documents"
path = {folder}
"""


def texts_of(workspace: Path) -> list[str]:
    """The texts of all ingested documents, in the order of batches, shards and rows."""
    found = Workspace(workspace)
    store = found.store
    lists = [store.read("ingest", batch.fingerprint).inputs["shards"] for batch in found.batches()]
    folders = [store.path(shard.stage, shard.fingerprint) for listed in lists for shard in store.members(listed)]
    tables = [pq.read_table(folder / DOCUMENTS_FILE, columns=["text"]) for folder in folders]
    return [text for table in tables for text in table.column("text").to_pylist()]


def write_jsonl(texts: Sequence[str], path: Path, *, first: int = 0) -> float:
    """One line a document, with ids from `first` on; megabytes of text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts, first):
            file.write(json.dumps({"id": str(number), "text": text}, ensure_ascii=False) + "\n")
    return sum(len(text.encode()) for text in texts) / 1e6


def write_config(path: Path, *, folder: Path, workspace: Path) -> Path:
    """Settings of a workspace whose only source is a folder."""
    path.write_text(CONFIG.format(workspace=json.dumps(str(workspace)), folder=json.dumps(str(folder))))
    return path
