"""How well a tokenizer fits what it encodes: bytes of text a token, by language; more is better.

A pinned tokenizer stays while its text changes. On a language that it has not learned from it falls back to bytes: 1.0
for Chinese where English has 4.7, so that the same text costs five times the steps. What a language comes to is
compared with what it came to when the tokenizer was learned; one that was not there then, with all text of then.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

ALL: Final = "all"
UNKNOWN: Final = "unknown"  # stands for a language that nothing told
BYTES_OF: Final = "num_bytes_"  # and a language: a fact of what is encoded
TOKENS_OF: Final = "num_tokens_"  # and a language, as well
LEARNED_BYTES: Final = 1 << 20  # of each language, that are encoded to see how it fits
LEAST_BYTES: Final = 10_000  # on less text of a language nothing is said of it
POOR_SHARE: Final = 2 / 3  # of what it was: from here on another tokenizer would pay


class Encoder(Protocol):
    """Turns texts into ids."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text."""


@dataclass(frozen=True)
class Fit:
    """One language, in bytes a token."""

    language: str
    now: float
    then: float  # when the tokenizer was learned
    is_new: bool  # there was none of it then: `then` is of all text

    @property
    def is_poor(self) -> bool:
        """Whether it has fallen by a third."""
        return self.now <= POOR_SHARE * self.then


def learned_fit(encoder: Encoder, texts: Sequence[str], languages: Sequence[str | None]) -> dict[str, float]:
    """Bytes a token by language on the text that a tokenizer was learned from, and of "all" of it; {} without text."""
    chosen: dict[str, list[str]] = {}
    num_bytes: Counter[str] = Counter()
    for text, language in zip(texts, (language or UNKNOWN for language in languages), strict=True):
        if num_bytes[language] < LEARNED_BYTES:
            chosen.setdefault(language, []).append(text)
            num_bytes[language] += len(text.encode())
    num_tokens = {language: sum(map(len, encoder.encode(own))) for language, own in chosen.items()}
    num_bytes[ALL], num_tokens[ALL] = num_bytes.total(), sum(num_tokens.values())
    return {name: round(num_bytes[name] / count, 4) for name, count in num_tokens.items() if count}


def fits(learned: Mapping[str, float], facts: Mapping[str, Any]) -> Iterator[Fit]:
    """How each language of some text fits, most text first. `facts` are sums of tokenize.encode."""
    sizes = {
        name.removeprefix(BYTES_OF): size
        for name, size in facts.items()
        if name.startswith(BYTES_OF) and size >= LEAST_BYTES
    }
    for language in sorted(sizes.keys() - {UNKNOWN}, key=lambda name: (-sizes[name], name)):
        num_tokens = facts.get(f"{TOKENS_OF}{language}", 0)
        then = learned.get(language, learned.get(ALL))
        if num_tokens and then is not None:
            yield Fit(language, sizes[language] / num_tokens, then, is_new=language not in learned)
