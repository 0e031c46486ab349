"""What the gate compares: documents that both were scored on, slices, and who was best."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline_lib.model.measured import Measured, parts_of
from pipeline_lib.model.records import Scores
from pipeline_lib.register.best import best_of
from pipeline_lib.register.compare import Loss, Pair, losses, on_common
from pipeline_lib.register.settings import GateSettings

SETTINGS = GateSettings(num_resamples=1000)
NUMBER = 120


def cell(bits: NDArray[np.float64], first: int = 0, **scores: object) -> Measured:
    """Documents from number `first` on, half of them Chinese, by two sources, of three lengths."""
    number = len(bits)
    ids = range(first, first + number)
    return Measured(
        replace(Scores(benchmark="frozen", generation=1, context_tokens=64), **scores),
        document_ids=tuple(f"{at:032x}" for at in ids),
        sources=tuple(("docs", "pages")[at % 3 == 0] for at in ids),
        languages=tuple(("en", "zh", None)[at % 2 if at % 20 else 2] for at in ids),
        blocks=np.array(ids),
        num_bytes=np.array([(500, 2000, 6000)[at % 3] for at in ids]),
        bits=bits,
    )


def noisy(seed: int, share: float = 0.002, number: int = NUMBER) -> NDArray[np.float64]:
    return 1000 * (1 + share * np.random.default_rng(seed).standard_normal(number))


def judged(found: tuple[Loss, ...]) -> dict[str, str]:
    return {loss.documents: loss.judged for loss in found}


def test_slices_are_sources_languages_and_lengths() -> None:
    whole = cell(noisy(0))
    parts = {
        f"{by} {name}": int(own.sum()) for by, name, own in parts_of(whole.sources, whole.languages, whole.num_bytes)
    }
    assert parts == {
        "source docs": 80,
        "source pages": 40,
        "language en": 54,
        "language unknown": 6,
        "language zh": 60,
        "length under 1 kB": 40,
        "length 1 to 4 kB": 40,
        "length from 4 kB": 40,
    }


def test_a_loss_in_one_language_falls_there_alone() -> None:
    base = cell(noisy(1))
    worse = base.bits * np.where(np.array(base.languages) == "zh", 1.02, 0.98) * noisy(2) / 1000
    found = judged(losses(SETTINGS, [Pair("frozen-1", "the champion", replace(base, bits=worse), base)]))
    assert found.pop("language zh") == "falls"
    assert found["all"] == "holds"
    assert "falls" not in {verdict for name, verdict in found.items() if name.startswith("language")}


def test_a_slice_that_cannot_tell_is_named_and_not_judged() -> None:
    base = cell(noisy(1, 0.05))
    found = losses(SETTINGS, [Pair("frozen-1", "the champion", replace(base, bits=noisy(3, 0.05)), base)])
    assert judged(found)["language unknown"] == "too small to tell"
    assert "falls" not in judged(found).values()


def test_a_single_document_is_too_little_to_compare() -> None:
    base = cell(noisy(1, number=1))
    (found,) = losses(SETTINGS, [Pair("frozen-1", "the champion", base, base)])
    assert (found.share, found.judged) == (None, "too small to tell")


def test_a_loss_that_is_equal_everywhere_is_proven_however_few_the_blocks() -> None:
    base = replace(cell(noisy(1)), blocks=np.zeros(NUMBER, np.int64))
    worse = replace(base, bits=1.01 * base.bits)
    assert set(judged(losses(SETTINGS, [Pair("frozen-1", "the champion", worse, base)])).values()) == {"falls"}


def test_two_benchmarks_are_compared_on_what_they_share() -> None:
    mine, other = cell(noisy(1)), cell(noisy(2), first=100)
    pair = on_common(Pair("frozen-1", "version 2", mine, other))
    assert pair.is_comparable
    assert pair.mine.document_ids == mine.document_ids[100:]
    assert pair.other.bits.tolist() == other.bits[:20].tolist()


def test_a_document_without_a_score_by_the_other_is_not_shared() -> None:
    """A champion that was promoted by hand may have one; it blocks no later night, nor is it the best for it."""
    mine, bits = cell(noisy(1)), noisy(1)
    bits[7] = np.nan
    broken = replace(mine, bits=bits)
    pair = on_common(Pair("frozen-1", "version 2", mine, broken))
    assert pair.mine.document_ids == (*mine.document_ids[:7], *mine.document_ids[8:])
    assert "falls" not in judged(losses(SETTINGS, [pair])).values()
    assert all(loss.share is not None for loss in losses(SETTINGS, [pair]) if loss.documents == "all")


@pytest.mark.parametrize("change", ["another context", "cut elsewhere"])
def test_documents_that_were_seen_otherwise_are_not_shared(change: str) -> None:
    mine = cell(noisy(1))
    if change == "another context":
        other = replace(mine, scores=replace(mine.scores, context_tokens=128))
    else:
        other = replace(mine, num_bytes=mine.num_bytes + 1)
    assert on_common(Pair("frozen-1", "version 2", mine, other)).mine.document_ids == ()


def test_the_best_are_those_of_the_whole_and_of_each_slice() -> None:
    base = cell(noisy(1))
    is_zh, is_long = np.array(base.languages) == "zh", base.num_bytes == 6000
    champions = {
        1: replace(base, bits=base.bits * np.where(is_zh, 0.9, 1.2)),  # the best in Chinese
        2: replace(base, bits=base.bits * np.where(is_long, 0.8, 1.3)),  # and of long ones
        3: replace(base, bits=base.bits * 1.1),  # in nothing
        4: base,
    }
    assert best_of(champions, 4) == (1, 2, 4)
    assert best_of({4: base}, 4) == (4,)


def test_who_has_no_figures_is_the_best_of_nothing() -> None:
    base = cell(noisy(1))
    broken = replace(base, bits=np.full(NUMBER, np.nan))
    assert best_of({1: broken, 4: base}, 4) == (4,)
    assert best_of({1: base, 4: broken}, 4) == (4,)
