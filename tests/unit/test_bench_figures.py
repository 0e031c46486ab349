"""The figures that the pages cite are those that were measured, and goals are judged as they stand."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.bench.figures import ROOT, Entry, Figure, make_entry, read_results, replace_entry
from tests.bench.groups import FIGURES
from tests.bench.render import UnknownFigure, pages, rendered, shown, table

STAGES = ("ingest", "clean", "dedup", "scrub", "tokenize", "train", "evaluate", "quantize", "register")
REQUIRED = {
    *(figure.name for figure in FIGURES.values() if figure.goal is not None),
    "refresh_mb_s_core",
    "refresh_vs_datatrove",
    "refresh_vs_datatrove_neutral",
    "train_tokens_s_vs_bare_loop",
    *(f"peak_memory_{stage}_mb" for stage in STAGES),
}
NIGHT = Figure("night_seconds", "s", "lower", "a night", goal=10)
SPEED = Figure("speed", "MB/s", "higher", "how fast", goal=10, peer="datatrove==0.10.1")
VERSIONS = {"nightshift": "0123456789abcdef", "python": "3.11"}
OF_BOTH = {"night_seconds": NIGHT, "speed": SPEED}


def entry(figure: Figure, value: float) -> Entry:
    return make_entry(
        figure, value, versions={"nightshift": "0123456789abcdef", "python": "3.11"}, machine={"cores": 2}
    )


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_cited_figure_is_the_measured_one(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert rendered(text, read_results(), FIGURES) == text, "run: python -m tests.bench --render"


def test_results_hold_every_required_figure_once() -> None:
    names = [entry.name for entry in read_results()]
    assert set(names) >= REQUIRED
    assert FIGURES.keys() >= REQUIRED
    assert len(names) == len(set(names))


def test_results_state_unit_goal_and_direction_as_the_code_does() -> None:
    for found in read_results():
        figure = FIGURES[found.name]
        assert (found.unit, found.goal, found.better) == (figure.unit, figure.goal, figure.better)


def test_results_say_by_which_command_and_versions_and_on_what() -> None:
    for found in read_results():
        assert found.command == f"make bench NAME={found.name}"
        assert {"nightshift", "python", "torch", "prefect", "mlflow"} <= found.versions.keys()
        assert found.machine["cores"] >= 1
        assert found.value > 0


def test_the_goals_are_those_that_were_asked_for() -> None:
    goals = {name: figure.goal for name, figure in FIGURES.items() if figure.goal is not None}
    assert goals == {
        "demo_first_night_seconds": 300,
        "demo_second_night_seconds": 10,
        "second_night_running_server_seconds": 4,
        "rollback_seconds": 5,
        "rollback_hanging_server_seconds": 5,
        "night_of_13_documents_growth": 1.3,
        "plan_seconds_1000_nights": 2,
        "nothing_new_1000_nights_seconds": 10,
        "gc_live_ratio": 2,
        "plan_seconds": 2,
        "one_percent_new_ratio": 0.10,
        "one_percent_edited_ratio": 0.10,
        "retune_ratio": 0.35,
        "clean_two_workers_ratio": 1.8,
        "clean_memory_ratio": 1.3,
        "ingest_mb_s_core_jsonl": 60,
        "ingest_mb_s_core_parquet": 60,
        "scan_100k_files_seconds": 2,
        "quality_signals_mb_s_core": 90,
        "quality_signals_mb_s_core_prose": 75,
        "quality_signals_mb_s_core_zh": 55,
        "quality_signals_vs_datatrove": 100,
        "quality_signals_vs_datatrove_whitespace": 25,
        "filter_agreement": 0.995,
        "clean_documents_s_core": 5_000,
        "extraction_f1_en": 0.96,
        "extraction_f1_multi": 0.925,
        "extraction_f1_zh": 0.93,
        "language_verdicts_right": 0.999,
        "language_f1_zh": 0.99,
        "language_f1_ja": 0.99,
        "language_kanji_alone": 0.99,
        "language_vs_py3langid": 4.0,
        "refresh_vs_before": 1.2,
        "refresh_vs_before_neutral": 1.2,
        "orchestration_overhead_ratio": 0.05,
        "crawler_requests_as_told": 1.0,
        "reading_index_seconds": 1.0,
        "reading_index_mb": 200.0,
        "gate_false_promotion_rate": 0.05,
        "gate_power": 0.9,
        "moved_workspace_works": 1,
        "soak_storage_seeds": 10_000,
        "soak_kills_survived": 200,
        "soak_corruptions_caught": 1_000,
    }


@pytest.mark.parametrize(
    ("figure", "value", "verdict"),
    [
        (NIGHT, 9.99, "met"),
        (NIGHT, 10, "met"),
        (NIGHT, 10.01, "missed"),
        (SPEED, 10.01, "met"),
        (SPEED, 9.99, "missed"),
        (replace(NIGHT, goal=None), 1e9, "-"),
    ],
)
def test_a_goal_is_met_up_to_itself_and_missed_beyond(figure: Figure, value: float, verdict: str) -> None:
    assert entry(figure, value).verdict == verdict


def test_a_missed_goal_is_shown_as_missed() -> None:
    slow, fast = table([entry(NIGHT, 12.34)], OF_BOTH), table([entry(NIGHT, 8)], OF_BOTH)
    assert "| 12.3 s | <= 10.0 | **missed** | 0123456 |" in slow
    assert "| 8.00 s | <= 10.0 | met | 0123456 |" in fast


def test_rendering_puts_the_measured_value_in_place_of_any_other() -> None:
    page = "A night takes <!-- figure: night_seconds -->1.00<!-- /figure --> s, not more."
    assert rendered(page, [entry(NIGHT, 8.426)], OF_BOTH) == page.replace("1.00", "8.43")


def test_rendering_twice_changes_nothing_more() -> None:
    page = "<!-- figures: night* -->\nold\n<!-- /figures -->\n<!-- figure: speed -->?<!-- /figure -->"
    once = rendered(page, [entry(NIGHT, 8), entry(SPEED, 12)], OF_BOTH)
    assert "`night_seconds`: a night | 8.00 s" in once and "-->12.0<!--" in once
    assert rendered(once, [entry(NIGHT, 8), entry(SPEED, 12)], OF_BOTH) == once


@pytest.mark.parametrize(
    "page", ["<!-- figure: gone -->1<!-- /figure -->", "<!-- figures: gone_* -->\n<!-- /figures -->"]
)
def test_citing_what_was_not_measured_is_an_error(page: str) -> None:
    with pytest.raises(UnknownFigure, match="gone"):
        rendered(page, [entry(NIGHT, 8)], OF_BOTH)


def test_a_name_measured_again_replaces_its_entry(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for figure, value in ((SPEED, 1.0), (NIGHT, 5.0), (SPEED, 2.0)):
        replace_entry(entry(figure, value), ["night_seconds", "speed"], path)
    assert [(found.name, found.value) for found in read_results(path)] == [("night_seconds", 5.0), ("speed", 2.0)]


def test_an_entry_has_exactly_the_agreed_keys_and_names_its_peer() -> None:
    made = asdict(entry(SPEED, 1.23456))
    assert set(made) == {"name", "value", "unit", "goal", "better", "command", "versions", "machine"}
    assert made["value"] == 1.235
    assert made["versions"] == {**VERSIONS, "datatrove": "0.10.1"}


@pytest.mark.parametrize(
    ("value", "text"), [(0.03123, "0.0312"), (8.426, "8.43"), (212.4, "212"), (1503.2, "1,503"), (0, "0.00")]
)
def test_values_are_shown_with_three_significant_digits(value: float, text: str) -> None:
    assert shown(value) == text
