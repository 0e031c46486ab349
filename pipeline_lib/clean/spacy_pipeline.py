"""A trained pipeline of spaCy, from a folder of the user's: what it is, and the entities that it finds, by label.

    pipeline = load_pipeline(Path("models/names"))                   as `nlp.to_disk` wrote it
    count_entities(pipeline, texts, languages)                       a column a label, a row a text

It is read without torch, which pipelines with transformers need. Texts go to it in segments (segments.py), as its
memory grows with their length; so an entity across two of them is not found.
"""

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.imports import import_without
from pipeline_lib.clean.blank_pipeline import MOST_UNBROKEN
from pipeline_lib.clean.segments import segments_of

if TYPE_CHECKING:
    from spacy.language import Language

MOST_CHARS = 10_000  # that are read together
MULTILINGUAL = "xx"  # what a pipeline says that is for all languages
OTHER = "OTHER"  # stands for labels that a pipeline did not name beforehand
_LONG_RUN = re.compile(rf"\S{{{MOST_UNBROKEN}}}(?=\S)")


def digest_of_pipeline(folder: Path) -> str:
    """Of the names and bytes of all its files. Raises `SettingsError` where it is no pipeline."""
    folder = folder.expanduser()
    if not (folder / "config.cfg").is_file() or not (folder / "meta.json").is_file():
        raise SettingsError(
            f"clean.spacy_pipeline: {folder} is no folder of a pipeline: config.cfg or meta.json is missing. Name what "
            "nlp.to_disk wrote."
        )
    digest = xxhash.xxh3_128()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix().encode()
        own = xxhash.xxh3_128()
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                own.update(piece)
        digest.update(len(name).to_bytes(4, "big") + name + own.digest())
    return digest.hexdigest()


def load_pipeline(folder: Path) -> "Language":
    """The pipeline. Raises `SettingsError` where spaCy cannot load it, or it finds no entities."""
    spacy = import_without("spacy", "torch", unused=("spacy.cli", "spacy.cli.info"))
    try:
        pipeline: Language = spacy.load(folder.expanduser())
    except Exception as exc:  # whatever its components raise
        raise SettingsError(
            f"clean.spacy_pipeline: {folder} cannot be loaded ({type(exc).__name__}). Name one that was made for spaCy "
            f"{spacy.__version__}, without transformers."
        ) from exc
    if not _finders(pipeline):
        raise SettingsError(
            f"clean.spacy_pipeline: {folder} finds no entities: it has {', '.join(pipeline.pipe_names) or 'nothing'}. "
            "Name a pipeline with ner or entity_ruler."
        )
    pipeline.max_length = 1 << 40
    _ = pipeline.vocab["IS_ALPHA"]  # see blank_pipeline.py, also for long runs
    make_doc = pipeline.make_doc
    pipeline.make_doc = lambda text: make_doc(_LONG_RUN.sub(r"\g<0> ", text))
    return pipeline


def entities_schema(pipeline: "Language") -> pa.Schema:
    """A column for each label."""
    return pa.schema([pa.field(label, pa.int64(), nullable=False) for label in _labels(pipeline)])


def count_entities(pipeline: "Language", texts: pa.LargeStringArray, languages: pa.StringArray) -> pa.Table:
    """The rows of entities_schema; texts in another language than the pipeline's are not read."""
    is_read = np.ones(len(texts), np.bool_)
    if pipeline.lang != MULTILINGUAL:
        is_read = np.array(pc.equal(languages, pipeline.lang).fill_null(False), np.bool_)
    chosen = np.flatnonzero(is_read)
    lists = segments_of(texts.take(pa.array(chosen)), at_least=0, at_most=MOST_CHARS)
    owners = chosen[np.array(pc.list_parent_indices(lists), np.int64)]
    labels = _labels(pipeline)
    found = {label: np.zeros(len(texts), np.int64) for label in labels}
    with pipeline.memory_zone():
        for owner, doc in zip(owners, pipeline.pipe(lists.flatten().to_pylist()), strict=True):
            for label, number in Counter(entity.label_ for entity in doc.ents).items():
                found[label if label in found else OTHER][owner] += number
    return pa.table(list(found.values()), schema=entities_schema(pipeline))


def _finders(pipeline: "Language") -> list[str]:
    """The components that find entities."""
    return [name for name in pipeline.pipe_names if "doc.ents" in pipeline.get_pipe_meta(name).assigns]


def _labels(pipeline: "Language") -> list[str]:
    named = {label for name in _finders(pipeline) for label in getattr(pipeline.get_pipe(name), "labels", ())}
    return [*sorted(named - {OTHER}), OTHER]
