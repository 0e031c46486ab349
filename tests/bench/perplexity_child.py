"""`python -m tests.bench.perplexity_child perplexity|word_list TEXTS.jsonl`: CPU seconds of scores; see perplexity.py.

The n-gram model learned from every sixth of the texts, up to 4 MB; the list has every so manieth of their words and of
their pairs of Chinese characters.
"""

import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from pipeline_lib.clean.perplexity import bits_per_byte, learn_reference
from pipeline_lib.clean.references import Reference
from pipeline_lib.text.literal_terms import folded, share_in_terms, terms_of
from tests.bench.one_core import stay_on_one_core
from tests.bench.perplexity import corpus_of

ROUNDS = 5
NUM_TERMS = 2_000
MOST_CHARS = 4_000_000


def main() -> None:
    """Print the seconds of the fastest round as the last line."""
    stay_on_one_core()
    texts = corpus_of(Path(sys.argv[2]))
    score = by_perplexity(texts) if sys.argv[1] == "perplexity" else by_word_list(texts)
    column = pa.array(texts, pa.large_string())
    score(column.slice(0, 1))
    rounds = []
    for _ in range(ROUNDS):
        started = time.process_time()
        score(column)
        rounds.append(time.process_time() - started)
    print(min(rounds))


def by_perplexity(texts: Sequence[str]) -> Callable[[pa.LargeStringArray], object]:
    """Scores by a model of some of the texts."""
    chosen, num_chars = list[str](), 0
    for text in texts[::6]:
        if num_chars < MOST_CHARS:
            chosen.append(text)
            num_chars += len(text)
    ngrams, _ = learn_reference(Reference(tuple(chosen), 0), "bench")
    return lambda column: bits_per_byte(column, ngrams)


def by_word_list(texts: Sequence[str]) -> Callable[[pa.LargeStringArray], object]:
    """Shares of a list of words of the texts."""
    whole = "\n".join(texts[::6])
    kinds = [sorted(set(re.findall(pattern, whole))) for pattern in (r"[A-Za-z]{5,}", r"[一-鿿]{2}")]
    terms = {folded(word) for words in kinds for word in words[:: max(1, 2 * len(words) // NUM_TERMS)]}
    found = terms_of(sorted(terms))
    return lambda column: share_in_terms(column, found)


if __name__ == "__main__":
    main()
