"""`python -m tests.bench.sentences_terms_child signs|spacy TEXTS.jsonl`: see sentences_terms.py.

Prints the documents, the CPU seconds that clean takes for them, and those of each maker.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.stage import warm_up
from tests.bench.one_core import stay_on_one_core
from tests.unit.clean.conftest import clean_documents, documents_of

ROUNDS, NUM_TERMS, EVERY = 3, 100, 10
WORD = re.compile(r"[A-Za-z]{5,}|(?=([\u4e00-\u9fff]{2}))")


def main() -> None:
    """Print one JSON value as the last line."""
    stay_on_one_core()
    lines = Path(sys.argv[2]).read_text(encoding="utf-8").split("\n")
    texts = [json.loads(line)["text"] for line in lines if line]
    is_by_spacy = sys.argv[1] == "spacy"
    settings = {"terminology": frequent(texts), "spacy_sentences" if is_by_spacy else "count_sentences": True}
    chosen = texts[::EVERY] if is_by_spacy else texts
    warm_up(CleanSettings(**settings))
    rounds = [seconds(chosen, settings) for _ in range(1 if is_by_spacy else ROUNDS)]
    best = min(rounds, key=lambda makers: makers["all"])
    makers = {name: round(spent, 3) for name, spent in best.items()}
    print(json.dumps({"documents": len(chosen), "seconds": best["all"], "makers": makers}))


def frequent(texts: list[str]) -> tuple[str, ...]:
    """Half English words, half pairs of Han."""
    found = Counter(match[0] or match[1] for text in texts[::EVERY] for match in WORD.finditer(text))
    kinds = (
        [term for term, _ in found.most_common() if term.isascii()],
        [term for term, _ in found.most_common() if not term.isascii()],
    )
    return tuple(term for kind in kinds for term in kind[: NUM_TERMS // 2])


def seconds(texts: list[str], settings: dict[str, Any]) -> dict[str, float]:
    """CPU seconds of the makers; what comes in is there."""
    with TemporaryDirectory() as folder:
        made = clean_documents(documents_of(texts), Path(folder), **settings).seconds
    return {**made, "all": sum(made.values())}


if __name__ == "__main__":
    main()
