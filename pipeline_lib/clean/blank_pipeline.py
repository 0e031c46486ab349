"""spaCy's blank pipelines: its tokenizers and what needs no model. Loaded where they are asked for."""

from typing import TYPE_CHECKING

from pipeline_lib.base.imports import import_without

if TYPE_CHECKING:
    from spacy.language import Language


def blank_pipeline(language: str) -> "Language":
    """A new one, for documents of any length, to be used in `memory_zone`."""
    pipeline: Language = import_without("spacy", "torch", unused=("spacy.cli", "spacy.cli.info")).blank(language)
    pipeline.max_length = 1 << 40  # the bound is for parsers; lengths are judged by max_chars.v1
    # Once a zone is left in which this word first came, spaCy 3.8 cannot read it again (AssertionError in vocab.pyx).
    _ = pipeline.vocab["IS_ALPHA"]
    return pipeline
