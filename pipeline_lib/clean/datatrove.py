"""Signals counted as datatrove counts them, so that the same limits give its decisions (`clean.words = "spacy"`).

With `clean.words = "jieba"` the same is counted over the words that datatrove has for Chinese; the limits stay ours.

datatrove 0.10.1 (github.com/huggingface/datatrove, src/datatrove/pipeline/filters) judges English text by words of
spaCy's tokenizer, to which each sign is a word, by lines with the blanks around them, and by shares of all characters.
What its filters GopherQuality, GopherRepetition, C4Quality and FineWebQuality look at takes the place of our own
signals of the same name; those that it has not stay. C4Quality also takes lines out of a text; here none is.

spaCy rules the speed: its tokenizer does 0.7 MB/s a core, all of this 0.45, and 0.3 where sentences for C4 are asked.
"""

import re
import string
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline_lib.clean.kernel import ENGLISH_STOP_WORDS
from pipeline_lib.clean.sentence_ends import OWN_STOPS, SHARED_STOPS
from pipeline_lib.clean.words import Words, sentences_by, words_by

if TYPE_CHECKING:
    from spacy.language import Language

Row = dict[str, float]

TERMINAL = tuple(set(OWN_STOPS + SHARED_STOPS) - {"；"})  # Unicode's Sentence_Terminal
CONTROLS = "".join(map(chr, [*range(9), *range(11, 32), *range(127, 160)]))
SIGNS = "«´»–—’“”„…∶━►、。〈〉《》「」【】！％（），．１：；？～"
PUNCTUATION = frozenset(string.punctuation + CONTROLS + SIGNS).union(TERMINAL)
BULLETS, CUTS = ("•", "-"), ("...", "…")
SHORT_LINE_CHARS = 30
# C4 (c4_utils of TensorFlow Datasets, as datatrove has them)
C4_ENDS, C4_CUT, C4_MOST_CHARS, C4_FEWEST_WORDS = (".", "?", "!", '"', "'"), "...", 1000, 3
C4_CITATIONS = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
C4_POLICIES = (
    "terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies",
)  # fmt: skip


def datatrove_signals(
    texts: Sequence[str], words: Words = "spacy", *, asked: Collection[str]
) -> dict[str, npt.NDArray[np.float64]]:
    """Of the signals that are asked for those that datatrove has, with an entry for each text."""
    with words_by(words) as words_of:
        # The first says which signals there are.
        rows = [_row(text, words_of(text), words, asked) for text in ("", *texts)]
    return {name: np.array([row[name] for row in rows[1:]], np.float64) for name in rows[0] if name in asked}


def _row(text: str, words: Sequence[str], kind: Words, asked: Collection[str]) -> Row:
    of_c4 = _c4(text, sentences_by(kind)) if "num_kept_sentences" in asked else {}
    return _quality(text, words) | _repetition(text, words) | _fineweb(text, words) | of_c4


def _quality(text: str, words: Sequence[str]) -> Row:
    """What GopherQuality looks at."""
    real = [word for word in words if not PUNCTUATION.issuperset(word)]
    lines, num_words = text.splitlines(), max(len(words), 1)
    return {
        "num_words": len(real),
        "mean_word_length": sum(map(len, real)) / max(len(real), 1),
        "hash_signs_per_word": text.count("#") / num_words,
        "ellipses_per_word": sum(map(text.count, CUTS)) / num_words,
        "bullet_line_share": _share(line.lstrip().startswith(BULLETS) for line in lines),
        "ellipsis_line_share": _share(line.rstrip().endswith(CUTS) for line in lines),
        "alpha_word_share": _share(any(map(str.isalpha, word)) for word in words),
        "num_stop_words": len(set(words).intersection(ENGLISH_STOP_WORDS)),
    }


def _repetition(text: str, words: Sequence[str]) -> Row:
    """What GopherRepetition looks at: shares of all characters of the text."""
    num_chars = max(len(text), 1)
    paragraphs, lines = re.split(r"\n{2,}", text.strip()), re.split(r"\n+", text)
    again, lines_again = _repeated(paragraphs), _repeated(lines)
    return {
        "duplicate_paragraph_share": len(again) / len(paragraphs),
        "duplicate_paragraph_char_share": sum(map(len, again)) / num_chars,
        "duplicate_line_share": len(lines_again) / len(lines),
        "duplicate_line_char_share": sum(map(len, lines_again)) / num_chars,
        **{f"top_{n}_gram_char_share": _top_run_chars(words, n) / num_chars for n in range(2, 5)},
        **{f"duplicate_{n}_gram_char_share": _repeated_run_chars(words, n) / num_chars for n in range(5, 11)},
    }


def _fineweb(text: str, words: Sequence[str]) -> Row:
    """What FineWebQuality looks at."""
    lines = [line for line in text.split("\n") if line.strip()]
    return {
        "terminal_line_share": _share(line.endswith(TERMINAL) for line in lines),
        "short_line_share": _share(len(line) <= SHORT_LINE_CHARS for line in lines),
        "repeated_line_char_share": sum(map(len, _repeated(lines))) / max(len(text) - text.count("\n"), 1),
        "newlines_per_word": text.count("\n") / max(len(words), 1),
    }


def _c4(text: str, pipeline: "Language") -> Row:
    """What C4Quality drops a document for: found in the lines that it has not taken out before it looks."""
    num_lorem, num_braces, num_sentences = 0, 0, 0
    for line in _c4_lines(text):
        lowered = line.lower()
        num_lorem += "lorem ipsum" in lowered
        if "javascript" in lowered:
            continue
        num_braces += "{" in line
        if not any(policy in lowered for policy in C4_POLICIES):
            num_sentences += sum(1 for _ in pipeline(line).sents)
    return {
        "num_lorem_ipsum": num_lorem,
        "curly_braces_per_word": num_braces / max(len(text.split()), 1),
        "num_kept_sentences": num_sentences,
    }


def _c4_lines(text: str) -> Iterator[str]:
    """The lines with an end and enough words, without what Wikipedia puts in brackets."""
    for line in map(str.strip, text.splitlines()):
        words = line.split()
        told = C4_CITATIONS.sub("", line)
        is_ended = told.endswith(C4_ENDS) and not told.endswith(C4_CUT)
        if is_ended and len(words) >= C4_FEWEST_WORDS and max(map(len, words)) <= C4_MOST_CHARS:
            yield told


def _share(flags: Iterable[bool]) -> float:
    found = list(flags)
    return sum(found) / max(len(found), 1)


def _repeated(units: Sequence[str]) -> list[str]:
    """Those that came before."""
    seen: set[str] = set()
    return [unit for unit in units if unit in seen or seen.add(unit)]  # type: ignore[func-returns-value]


def _top_run_chars(words: Sequence[str], n: int) -> int:
    """Occurrences times characters, blanks between words included, of the run that comes most often, of several the
    first: so also of one that comes once."""
    runs = Counter(" ".join(words[k : k + n]) for k in range(len(words) - n + 1))
    [(run, times)] = runs.most_common(1) or [("", 0)]
    return len(run) * times


def _repeated_run_chars(words: Sequence[str], n: int) -> int:
    """Characters in runs that came before; behind a repeated one the search goes on after its last word."""
    seen: set[str] = set()
    covered, k = 0, 0
    while k + n <= len(words):
        run = "".join(words[k : k + n])
        is_repeated = run in seen
        covered += len(run) * is_repeated
        k += n if is_repeated else 1
        seen.add(run)
    return covered
