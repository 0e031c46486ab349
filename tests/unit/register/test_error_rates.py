"""How often the gate errs, on the scores of a real model (tests/gate_draws.py)."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline_lib.model.measured import Measured
from pipeline_lib.register.gate import weighed
from pipeline_lib.register.table import table_of
from tests.gate_draws import (
    DRAWS,
    NOISES,
    SETTINGS,
    TRAINED,
    called,
    demo,
    false_promotion_rate,
    is_gained,
    noise,
    power,
    verdict,
)


@pytest.mark.parametrize(("document", "package"), NOISES)
def test_an_equal_model_passes_in_at_most_five_of_a_hundred_nights(document: float, package: float) -> None:
    assert false_promotion_rate(document, package) <= 0.05


@pytest.mark.parametrize("document", [0.005, 0.01, 0.02, 0.05])
def test_one_that_is_a_thousandth_worse_passes_in_at_most_one_of_a_hundred(document: float) -> None:
    generator = np.random.default_rng(6)
    passed = sum(is_gained(1.001 * noise(generator, document)) for _ in range(DRAWS))
    assert passed <= 0.01 * DRAWS


@pytest.mark.parametrize(("document", "package"), [(0.01, 0.0), (0.05, 0.0), (0.02, 0.005)])
def test_a_gain_of_twice_the_smallest_one_that_can_be_told_passes(document: float, package: float) -> None:
    assert power(document, package, draws=100) >= 0.9


def test_a_slice_that_collapses_never_passes() -> None:
    """60 % worse on a tenth of the documents, 15 % better on the rest: on a source, and on any documents."""
    generator, cell = np.random.default_rng(8), demo()
    is_source = np.array(cell.sources) == "numpy"
    for _ in range(50):
        of_any = generator.random(len(cell.bits)) < 0.1
        for own in (is_source, of_any):
            report = verdict(np.where(own, 1.6, 0.85) * noise(generator, 0.02))
            assert report.gains[0].share > 0
            assert not report.is_passed and not report.is_held
            assert "little_text_collapses" in report.reason or "worse on source numpy" in report.reason


def test_a_hundred_nights_of_small_losses_do_not_add_up() -> None:
    """Each night's model gains in all and loses .4 % on a source, against the champion of the night before."""
    cell = demo()
    drift = np.where(np.array(cell.sources) == "numpy", 1.004, 0.97)
    champion, earlier, nights = cell.bits, {}, 0
    generator = np.random.default_rng(9)
    for version in range(1, 100):
        mine = champion * drift * noise(generator, 0.0005)
        table = table_of([called("challenger", mine), called("champion", champion, version)])
        report = weighed(SETTINGS, table, schemes=(), training=TRAINED, earlier=earlier)
        assert report.gains[0].at_least > 0
        if not report.is_passed:
            break
        earlier = {number: known for number, known in earlier.items() if number in report.best_versions}
        earlier[version] = called("champion", champion, version)
        champion, nights = mine, nights + 1
    assert nights <= 2
    assert "worse on source numpy on frozen-0 (" in report.reason
    assert f"worse than version {min(earlier)}" in report.reason
    assert len(earlier) <= 8


def test_what_is_too_good_goes_to_a_person() -> None:
    generator = np.random.default_rng(10)
    for factor in (0.001, 0.15):
        report = verdict(factor * noise(generator, 0.02))
        assert report.is_held and not report.is_passed
        assert report.reason.startswith("held for a person: ")


@pytest.mark.parametrize("share", [0.1, 0.5])
@pytest.mark.parametrize("factor", [1e-9, 0.01])
def test_text_that_is_known_by_heart_goes_to_a_person(share: float, factor: float) -> None:
    """A leak seldom is of all documents. What the champion knows by heart as well is no news."""
    generator, cell = np.random.default_rng(12), demo()
    factors = np.where(generator.random(len(cell.bits)) < share, factor, 0.98) * noise(generator, 0.01)
    report = verdict(factors)
    assert report.is_held and not report.is_passed
    assert "little_text_is_known" in report.reason
    table = table_of([called("challenger", 0.98 * cell.bits * factors), called("champion", cell.bits * factors, 3)])
    assert "little_text_is_known" not in weighed(SETTINGS, table, schemes=(), training=TRAINED).reason
    first = weighed(SETTINGS, table_of([called("challenger", cell.bits * factors)]), schemes=(), training=TRAINED)
    assert first.is_held


def test_one_rate_for_all_documents_goes_to_a_person() -> None:
    cell = demo()
    constant = 0.9 * cell.bits.sum() / cell.num_bytes.sum() * cell.num_bytes
    report = verdict(constant / cell.bits)
    assert "documents_differ (1, must be > 1)" in report.reason
    assert not report.is_passed


def test_a_night_of_another_language_passes_while_the_old_one_holds() -> None:
    """The champion knows no Chinese; the challenger learned it, and lost .1 % of its English."""
    cell, generator = demo(), np.random.default_rng(11)
    number = len(cell.bits)

    def on_fresh(candidate: str, factor: float, version: int | None = None) -> Measured:
        whole = called(candidate, cell.bits * factor * noise(generator, 0.02), version)
        scores = replace(whole.scores, benchmark="fresh", generation=2)
        return replace(whole, scores=scores, languages=("zh",) * number)

    table = table_of(
        [
            called("challenger", cell.bits * 1.001 * noise(generator, 0.005)),
            on_fresh("challenger", 2.0),
            called("champion", cell.bits, 3),
            on_fresh("champion", 7.0, 3),
        ]
    )
    report = weighed(SETTINGS, table, schemes=(), training=TRAINED)
    assert report.is_passed
    assert "fewer bits per byte than the champion on the same documents (fresh-2; surely " in report.reason
    forgetful = {**table["challenger"], "frozen-0": called("challenger", cell.bits * 1.02 * noise(generator, 0.005))}
    refused = weighed(SETTINGS, {**table, "challenger": forgetful}, schemes=(), training=TRAINED)
    assert not refused.is_passed
    assert "worse on " in refused.reason


def test_fresh_text_decides_nothing_until_there_is_enough() -> None:
    cell = demo()

    def few(candidate: str, factor: float, version: int | None = None) -> Measured:
        whole = called(candidate, cell.bits * factor, version)
        scores = replace(whole.scores, benchmark="fresh", generation=2)
        columns = ("document_ids", "sources", "languages", "blocks", "num_bytes", "bits")
        return replace(whole, scores=scores, **{name: getattr(whole, name)[:19] for name in columns})

    cells = [called("challenger", cell.bits), few("challenger", 0.5), called("champion", cell.bits, 3)]
    report = weighed(SETTINGS, table_of([*cells, few("champion", 1.0, 3)]), schemes=(), training=TRAINED)
    assert [gain.benchmark for gain in report.gains] == ["frozen-0"]
    assert not report.is_passed
