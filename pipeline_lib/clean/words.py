"""What a word is (`clean.words`), for signals that are counted over lists of words.

    whitespace  what stands between blanks, and each Han character: the kernel counts them (kernel.py), no list is made
    spacy       as spaCy's English tokenizer divides, each sign a word: datatrove's words of English
    jieba       Chinese by jieba's dictionary and model, mixed with English: datatrove's words of Chinese (cmn_Hani)

jieba is read through rjieba, its port to Rust: the Python package is no longer kept. English words, names (C++) and
decimals inside of Chinese stay whole; any other sign is a word. On Chinese laws it does 9 MB/s a core.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from pipeline_lib.clean.blank_pipeline import blank_pipeline

if TYPE_CHECKING:
    from spacy.language import Language

Words = Literal["whitespace", "spacy", "jieba"]
JIEBA: Final = "rjieba"
# The blank pipeline that divides lines into sentences, where those are asked for.
LANGUAGE_OF: Final = {"spacy": "en", "jieba": "zh"}


@cache
def sentences_by(words: Words) -> "Language":
    """spaCy's sentencizer behind the tokenizer of the language."""
    pipeline = blank_pipeline(LANGUAGE_OF[words])
    pipeline.add_pipe("sentencizer")
    return pipeline


@contextmanager
def words_by(words: Words) -> Iterator[Callable[[str], list[str]]]:
    """A function from a text to its words, without blanks."""
    if words == "jieba":
        import rjieba

        yield lambda text: [word for word in map(str.strip, rjieba.cut(text)) if word]
        return
    pipeline = sentences_by(words)
    with pipeline.memory_zone():  # else the vocabulary grows with every document of a long-lived process
        yield lambda text: [word for token in pipeline.make_doc(text) if (word := token.text.strip())]
