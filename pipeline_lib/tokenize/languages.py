"""Bytes a token, by language: by these a pinned tokenizer is judged when other text comes than it was learned from.

num_bytes_zh, num_tokens_zh   facts of a tokenizer (of its sample), of a shard, and so of all that adds them up
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

UNKNOWN: Final = "unknown"  # stands for a language that nothing told
BYTES: Final = "num_bytes_"
TOKENS: Final = "num_tokens_"
WORSE: Final = 2 / 3  # of the bytes a token that there were: a fall by a third


@dataclass
class ByLanguage:
    """What is counted."""

    documents: Counter[str] = field(default_factory=Counter)
    num_bytes: Counter[str] = field(default_factory=Counter)
    num_tokens: Counter[str] = field(default_factory=Counter)

    def add(self, language: str | None, num_bytes: int, num_tokens: int) -> None:
        """Count one more document."""
        name = language or UNKNOWN
        self.documents[name] += 1
        self.num_bytes[name] += num_bytes
        self.num_tokens[name] += num_tokens

    def facts(self) -> dict[str, int]:
        """The sums of each language."""
        names = sorted(self.documents)
        return {
            f"{kind}{name}": sums[name]
            for name in names
            for kind, sums in ((BYTES, self.num_bytes), (TOKENS, self.num_tokens))
        }


def bytes_per_token(facts: Mapping[str, Any]) -> dict[str, float]:
    """Of each language in these facts; of one without tokens none."""
    languages = (name.removeprefix(BYTES) for name in facts if name.startswith(BYTES))
    return {name: facts[BYTES + name] / facts[TOKENS + name] for name in languages if facts.get(TOKENS + name)}


def worse(learned: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """The languages whose text takes far more tokens than that which the tokenizer was learned from: (now, then).

    A language that it had nothing of is compared with all that it was learned from.
    """
    before, found = bytes_per_token(learned), bytes_per_token(now)
    if not before:
        return {}
    num_bytes, num_tokens = (sum(learned[kind + name] for name in before) for kind in (BYTES, TOKENS))
    then = {name: before.get(name, num_bytes / num_tokens) for name in found}
    return {name: (value, then[name]) for name, value in found.items() if value < WORSE * then[name]}
