"""The challenger beside another model on one benchmark: what it gains, and what it loses, slice by slice.

All of it by one-sided ends of a paired bootstrap over blocks (model/paired.py). A gain is asked for on either of two
sets, so each gets half of `alpha`; a loss is looked for in many slices, so their p-values go through Holm's procedure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.model.measured import Measured, parts_of
from pipeline_lib.model.paired import Difference, deal, difference, holm
from pipeline_lib.register.settings import GateSettings

ALL = "all"  # the slice that is the whole benchmark

Tells = Literal["falls", "holds", "too small to tell"]


@dataclass(frozen=True)
class Pair:
    """Two models on one benchmark."""

    benchmark: str
    against: str  # "the champion", "version 4"
    mine: Measured
    other: Measured

    @property
    def is_comparable(self) -> bool:
        """Whether both were scored on the same documents, cut at the same places."""
        return self.mine.document_ids == self.other.document_ids and np.array_equal(
            self.mine.num_bytes, self.other.num_bytes
        )


@dataclass(frozen=True)
class Gain:
    """How many bits the challenger saves on a benchmark, as a share of the champion's."""

    benchmark: str
    share: float
    at_least: float  # the one-sided lower end
    at_most: float  # and the upper one
    detectable: float  # the smallest true gain that is proven in 4 of 5 sets like this
    alpha: float
    num_documents: int
    num_blocks: int


@dataclass(frozen=True)
class Loss:
    """What the challenger loses against another on the documents of a slice, as a share of the other's bits."""

    benchmark: str
    against: str
    documents: str  # which slice: "all", "source docs", "language zh", "length under 1 kB"
    num_documents: int
    share: float | None  # None: it cannot be told
    at_least: float | None  # the one-sided lower end
    detectable: float | None  # the smallest true loss that is proven in 4 of 5 sets like this
    judged: Tells


def compare(
    settings: GateSettings, mine: Measured, other: Measured, own: NDArray[np.bool_] | None = None
) -> Difference | None:
    """What `mine` needs over `other`, on all documents or those marked; None where that cannot be told."""
    if not Pair("", "", mine, other).is_comparable:
        return None
    chosen = np.ones(len(mine.bits), np.bool_) if own is None else own
    blocks = deal(mine.blocks[chosen], mine.num_bytes[chosen])
    bits, others = mine.bits[chosen], other.bits[chosen]
    return difference(bits, others, blocks, seed=settings.seed, num_resamples=settings.num_resamples)


def on_common(pair: Pair) -> Pair:
    """The same two on the documents that both were scored on, cut at the same places, seen by as many tokens.

    One for which the other has no finite score was not scored by it.
    """
    mine, other = pair.mine, pair.other
    scored = zip(other.document_ids, other.num_bytes.tolist(), np.isfinite(other.bits).tolist(), strict=True)
    there = {(name, size): at for at, (name, size, is_scored) in enumerate(scored) if is_scored}
    names = zip(mine.document_ids, mine.num_bytes.tolist(), strict=True)
    is_alike = mine.scores.context_tokens == other.scores.context_tokens
    places = [(at, there[name]) for at, name in enumerate(names) if is_alike and name in there]
    return replace(pair, mine=_taken(mine, [at for at, _ in places]), other=_taken(other, [at for _, at in places]))


def gains(settings: GateSettings, pairs: Sequence[Pair]) -> tuple[Gain, ...]:
    """What is gained on each of these benchmarks that can be compared; `alpha` is shared between them."""
    found = []
    for pair in pairs:
        change, alpha = compare(settings, pair.mine, pair.other), settings.alpha / len(pairs)
        if change is not None:
            ends = (-change.high(alpha), -change.low(alpha), change.detectable(alpha))
            found.append(Gain(pair.benchmark, -change.value, *ends, alpha, len(pair.mine.bits), change.num_blocks))
    return tuple(found)


def losses(settings: GateSettings, pairs: Sequence[Pair]) -> tuple[Loss, ...]:
    """The slices of all pairs, each judged.

    One falls where its loss is proven above `max_regression_share`, by Holm over all of them; or where it is above
    `max_slice_loss_share` in a slice large enough that this is no chance. One that holds and could not have shown twice
    the first is too small to tell.
    """
    parts = [(pair, name, own) for pair in pairs for name, own in _parts(pair)]
    found = [compare(settings, pair.mine, pair.other, own) for pair, _, own in parts]
    told = [change for change in found if change is not None]
    proven = holm([change.p_above(settings.max_regression_share) for change in told], settings.alpha)
    is_proven = dict(zip(map(id, told), proven, strict=True))
    return tuple(
        _loss(settings, pair, name, int(own.sum()), change, is_proven=change is not None and is_proven[id(change)])
        for (pair, name, own), change in zip(parts, found, strict=True)
    )


def _loss(
    settings: GateSettings, pair: Pair, name: str, number: int, change: Difference | None, *, is_proven: bool
) -> Loss:
    if change is None:
        return Loss(pair.benchmark, pair.against, name, number, None, None, None, "too small to tell")
    alpha, detectable = settings.alpha, change.detectable(settings.alpha)
    is_large = detectable <= settings.max_slice_loss_share < change.value
    is_small = detectable > 2 * settings.max_regression_share
    judged: Tells = "falls" if is_proven or is_large else "too small to tell" if is_small else "holds"
    return Loss(pair.benchmark, pair.against, name, number, change.value, change.low(alpha), detectable, judged)


def _parts(pair: Pair) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The whole, and the slices that are not the whole."""
    mine = pair.mine
    yield ALL, np.ones(len(mine.bits), np.bool_)
    for by, name, own in parts_of(mine.sources, mine.languages, mine.num_bytes):
        if not own.all():
            yield f"{by} {name}", own


def _taken(measured: Measured, places: list[int]) -> Measured:
    """The documents at these places."""
    return Measured(
        measured.scores,
        document_ids=tuple(measured.document_ids[at] for at in places),
        sources=tuple(measured.sources[at] for at in places),
        languages=tuple(measured.languages[at] for at in places),
        blocks=measured.blocks[places],
        num_bytes=measured.num_bytes[places],
        bits=measured.bits[places],
    )
