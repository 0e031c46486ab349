"""Two models on the same documents: how much more one needs than the other, and how sure that is.

    documents -> blocks -> the ratio of the sums over blocks drawn with replacement -> ends and p-values, one-sided

Documents of one host, package or file resemble each other, so blocks are drawn, not documents: taken for independent,
they make an interval too narrow. Where that leaves next to nothing to draw from, large blocks are dealt into parts, for
want of better; very many are dealt together.

Percentiles of few blocks are too narrow as well, since they know neither Student's t nor the lost degree of freedom.
They are expanded for both (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 3.4), by the
effective number of blocks, since unequal ones are worth fewer. Equal models whose packages differ by chance then pass
in 1.5 % at `alpha` 2 %; counting the blocks it was 4 %, and dealing all large ones into parts up to 19 %.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

PLACE_ENDS = re.compile(r"[/?#\\]")
FEWEST_BLOCKS = 5  # effective ones: fewer are dealt into parts
LARGEST_PART = 1 / 20  # of the bytes
MOST_BLOCKS = 200
FEWEST_DRAWS = 5  # beyond an end: where fewer are, their deviation tells where it is
TINY = 1e-12  # of models that differ by the same share everywhere
POWER = 0.8  # how often what is called detectable is detected


def block_of(source: str, url: str) -> int:
    """The block of a document: its source, and its host; of what is no web address the first part of its path.

    Urls come with the data and may be no right ones, so nothing is asked of them. Hashed: an int64 that names nothing.
    """
    scheme, is_address, rest = url.partition("://")
    place = PLACE_ENDS.split(rest.lower() if is_address else scheme, maxsplit=1)[0]
    return xxhash.xxh3_64_intdigest(f"{source}\0{place}".encode()) >> 1


def deal(blocks: NDArray[np.int64], num_bytes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of the block that each document counts to, [N] from 0: very many together, too few in parts.

    Parts are runs of documents in their order, which is that of their ids, so as good as random.
    """
    numbers = np.unique(blocks, return_inverse=True)[1].reshape(-1)
    if not len(numbers) or effective_number(np.bincount(numbers, num_bytes)) >= FEWEST_BLOCKS:
        return numbers % MOST_BLOCKS
    order = np.argsort(numbers, kind="stable")
    sizes = num_bytes[order].astype(np.float64)
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    before = np.cumsum(sizes) - sizes  # bytes in front of each document, over all blocks
    within = before - np.repeat(before[starts], np.diff(starts, append=len(order)))
    parts = (within // max(1.0, sizes.sum() * LARGEST_PART)).astype(np.int64)
    dealt = np.empty(len(numbers), np.int64)
    dealt[order] = np.unique(np.stack([numbers[order], parts]), axis=1, return_inverse=True)[1].reshape(-1)
    return dealt % MOST_BLOCKS


def effective_number(sizes: NDArray[Any]) -> float:
    """Of as many equal blocks a mean over these is as sure (Kish 1965)."""
    squares = float((sizes**2).sum())
    return float(sizes.sum()) ** 2 / squares if squares > 0 else 0.0


@dataclass(frozen=True)
class Difference:
    """What a model needs over another on the same documents, as a share of the other's bits: below 0 it needs less."""

    value: float
    resampled: NDArray[np.float64]  # the same of each draw of blocks, ascending
    num_blocks: int
    effective: float  # and their effective number

    def low(self, alpha: float) -> float:
        """The one-sided lower end: the true difference is below it in `alpha` of all sets."""
        return self._end(alpha, -1)

    def high(self, alpha: float) -> float:
        """The one-sided upper end: the true difference is above it in `alpha` of all sets."""
        return self._end(alpha, 1)

    def p_above(self, limit: float) -> float:
        """How likely draws like these are where the true difference is no more than `limit`."""
        share = float(np.searchsorted(self.resampled, limit, side="right")) / len(self.resampled)
        is_seen = FEWEST_DRAWS <= share * len(self.resampled) <= len(self.resampled) - FEWEST_DRAWS
        deviations = ndtri(share) if is_seen else (limit - self.value) / max(self._deviation, TINY)
        return float(stdtr(self.effective - 1, deviations * self._narrow))

    def detectable(self, alpha: float) -> float:
        """The smallest true difference that is proven in `POWER` of all sets of this size."""
        freedom = self.effective - 1
        return float((stdtrit(freedom, 1 - alpha) + stdtrit(freedom, POWER)) * self._deviation / self._narrow)

    def _end(self, alpha: float, sign: int) -> float:
        """Where draws end, so far out that few blocks do not pass for many; where none are left, by their deviation."""
        deviations = sign * stdtrit(self.effective - 1, 1 - alpha) / self._narrow
        share = float(ndtr(deviations))
        if min(share, 1 - share) * len(self.resampled) < FEWEST_DRAWS:
            return float(self.value + deviations * self._deviation)
        return float(np.quantile(self.resampled, share))

    @cached_property
    def _deviation(self) -> float:
        return float(self.resampled.std())

    @property
    def _narrow(self) -> float:
        """How much narrower than the truth the draws of so few blocks are."""
        return float(np.sqrt(1 - 1 / self.effective))


def difference(
    bits: NDArray[np.float64], other: NDArray[np.float64], blocks: NDArray[np.int64], *, seed: int, num_resamples: int
) -> Difference | None:
    """Bits over the other's bits, minus 1, on the same documents, [N] each; `blocks` as dealt.

    None where it cannot be told: fewer than two blocks, bits that are not finite or below 0, others that are 0.
    """
    is_told = np.isfinite(bits).all() and np.isfinite(other).all() and (bits >= 0).all() and (other > 0).all()
    if not (is_told and len(bits)):
        return None
    numbers = np.unique(blocks, return_inverse=True)[1].reshape(-1)
    num_blocks = int(numbers.max()) + 1
    if num_blocks < 2:
        return None
    mine = np.bincount(numbers, bits, num_blocks)
    others = np.bincount(numbers, other, num_blocks)
    draws = _draws(num_blocks, seed, num_resamples)
    ratios = np.sort(draws @ mine / (draws @ others)) - 1
    return Difference(float(mine.sum() / others.sum()) - 1, ratios, num_blocks, effective_number(others))


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which of these hypotheses are refuted, so that a true one is in `alpha` of all families at most (Holm 1979)."""
    refuted = [False] * len(p_values)
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        if p_values[place] > alpha / (len(p_values) - rank):
            break
        refuted[place] = True
    return refuted


@lru_cache(maxsize=8)
def _draws(num_blocks: int, seed: int, num_resamples: int) -> NDArray[np.float64]:
    """How often each block is drawn, [resamples, blocks]: the same for each pair of models, so errors cancel out."""
    generator = np.random.default_rng((seed, num_blocks))
    drawn = generator.integers(num_blocks, size=(num_resamples, num_blocks))
    places = (drawn + num_blocks * np.arange(num_resamples)[:, None]).ravel()
    counts = np.bincount(places, minlength=num_resamples * num_blocks).reshape(num_resamples, num_blocks)
    return counts.astype(np.float64)
