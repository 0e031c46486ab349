"""spaCy's blank pipelines: its tokenizers and what needs no model. Loaded where they are asked for."""

import re
from typing import TYPE_CHECKING

from pipeline_lib.base.imports import import_without

if TYPE_CHECKING:
    from spacy.language import Language


MOST_UNBROKEN = 500  # characters without a blank that are read together
_LONG_RUN = re.compile(rf"\S{{{MOST_UNBROKEN}}}(?=\S)")


def blank_pipeline(language: str) -> "Language":
    """A new one, for documents of any length, to be used in `memory_zone`.

    Its tokenizer takes one sign after the other off a run without blanks, and looks at the rest of it each time: 100 kB
    of "(" would take twelve minutes. So a longer run is cut. (Chinese has a tokenizer of its own, which does not.)
    """
    pipeline: Language = import_without("spacy", "torch", unused=("spacy.cli", "spacy.cli.info")).blank(language)
    pipeline.max_length = 1 << 40  # the bound is for parsers; lengths are judged by max_chars.v1
    # Once a zone is left in which this word first came, spaCy 3.8 cannot read it again (AssertionError in vocab.pyx).
    _ = pipeline.vocab["IS_ALPHA"]
    if language != "zh":
        make_doc = pipeline.make_doc
        pipeline.make_doc = lambda text: make_doc(_LONG_RUN.sub(r"\g<0> ", text))
    return pipeline
