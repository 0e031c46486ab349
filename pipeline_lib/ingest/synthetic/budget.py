"""How much a night may ask for: requests, tokens, money.

What a request may cost at most is set aside before it is sent: its prompt, a token for two bytes, and the longest
answer. So the budget holds whatever comes back, up to that estimate. What was used is what the endpoint says, else the
same.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline_lib.ingest.sources.synthetic import SyntheticSource

MILLION = 1_000_000
BYTES_A_TOKEN = 2  # of a prompt, at least


@dataclass(frozen=True)
class Usage:
    """What requests took."""

    num_requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.num_requests + other.num_requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
        )


def at_most(source: "SyntheticSource", prompt: str) -> Usage:
    """What one request with this prompt may take."""
    return Usage(1, len(prompt.encode()) // BYTES_A_TOKEN + 1, source.max_answer_tokens)


def cost_of(source: "SyntheticSource", usage: Usage) -> float:
    """In money; 0 where there are no prices."""
    return (usage.tokens_in * (source.price_in or 0) + usage.tokens_out * (source.price_out or 0)) / MILLION


def allows(source: "SyntheticSource", usage: Usage) -> bool:
    """Whether a night may take so much."""
    return (
        usage.num_requests <= source.max_requests
        and usage.tokens_in + usage.tokens_out <= source.max_tokens
        and (source.max_cost is None or cost_of(source, usage) <= source.max_cost)
    )
