"""The numbers of two nights, counted by hand; and that what goes on from them is what a new count gives."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.report import counts as key
from pipeline_lib.report import night, views
from pipeline_lib.report.counts import as_rows, from_rows, only, split
from pipeline_lib.report.night import count_night, limits_of
from pipeline_lib.report.records import key_of, names, page_path
from pipeline_lib.store.records import REPORTS_FOLDER
from pipeline_lib.store.workspace import Workspace
from tests.labelled import write_examples, write_reference, write_word_list
from tests.tiny_night import chinese, english, write_lines
from tests.unit.report.conftest import CHINESE, ENGLISH, HOSTILE, SHORT, House, refreshed, settings_of

KEPT = [*ENGLISH.values(), english(70), english(71)]  # of press, in the first night; of law all of CHINESE


def num_bytes(*texts: str) -> int:
    return sum(len(text.encode()) for text in texts)


def test_the_funnel_of_the_first_night_is_that_of_its_documents(house: House) -> None:
    flows = views.funnel(house.records[0].all)
    assert [(flow.stage, flow.num_in, flow.num_out, flow.reasons) for flow in flows] == [
        ("ingest", 15, 14, (("invalid_json", 1),)),
        ("clean", 14, 12, (("too_few_characters", 2),)),
        ("dedup", 12, 11, (("exact_duplicate", 1),)),
        ("scrub", 11, 11, ()),
        ("tokenize", 11, 11, ()),
    ]
    came = [*KEPT, ENGLISH["e1"], HOSTILE, *CHINESE.values(), SHORT]
    assert flows[0].num_bytes == num_bytes(*came)
    assert flows[1].num_bytes == num_bytes(*KEPT, ENGLISH["e1"], *CHINESE.values())
    assert flows[3].num_bytes == num_bytes(*KEPT, *CHINESE.values())


def test_the_second_night_adds_what_came_and_says_what_went(house: House) -> None:
    record = house.records[1]
    assert record.labels == ["0003-press", "0004-law"]
    found = views.difference(record, house.records[0])
    assert (found.num_documents, found.num_withdrawn, found.num_files_gone) == (3, 2, 1)
    assert not found.is_other_recipe
    assert [(flow.stage, flow.num_in, flow.num_out) for flow in views.funnel(record.new)][:2] == [
        ("ingest", 3, 3),
        ("clean", 3, 2),
    ]
    assert split(record.all, key.OUT, 0)["tokenize"] == 11 + 2
    assert record.before == house.records[0].name


def test_sources_and_languages_have_their_parts(house: House) -> None:
    record = house.records[1]
    by_source = {part.name: part for part in views.parts(record, 1)}
    by_language = {part.name: part for part in views.parts(record, 2)}
    assert (by_source["press"].num_in, by_source["press"].num_new, by_source["press"].num_out) == (11, 1, 9)
    assert (by_source["law"].num_in, by_source["law"].num_new, by_source["law"].num_out) == (7, 2, 4)
    assert by_language["zh"].num_out == 4
    assert by_language["en"].num_out == 9
    assert by_language["zh"].num_bytes == num_bytes(*CHINESE.values(), chinese(9))
    tokens = sum(part.num_tokens for part in by_source.values())
    assert tokens == sum(part.num_tokens for part in by_language.values()) > 0
    assert split(record.all, key.FILLED, 0, 1)["licence press"] == 11


def test_a_signal_has_the_values_of_all_documents_and_the_limits_of_its_rules(house: House) -> None:
    found = {signal.name: signal for signal in views.signals(house.records[1])}
    words = found["num_words"]
    assert sum(words.earlier.values()) == 14
    assert sum(words.new.values()) == 3
    assert words.earlier[float(len(english(70).split()))] >= 1
    rules = {one.rule: (one.bound, one.limit) for one in words.limits}
    assert rules == {"min_words.v1": ("at_least", 50.0), "max_words.v1": ("at_most", 100_000.0)}
    assert words.shift == words.median - words.median_before


def test_rules_count_all_that_fail_them_and_those_that_fail_nothing_else(house: House) -> None:
    record = house.records[0]
    failed, alone = (split(record.all, kind, 0) for kind in (key.FAILED, key.ALONE))
    assert failed["min_chars.v1"] == failed["min_words.v1"] == 2  # both texts are short in both ways
    assert alone["min_chars.v1"] == 0
    assert alone["exact_duplicate.v1"] == failed["exact_duplicate.v1"] == 1


def test_reasons_are_compared_with_the_night_before(house: House) -> None:
    first, second = house.records
    rows = {row.name: row for row in views.compared(second, first, key.DROPPED, 0, 1)}
    short = rows["clean too_few_characters"]
    assert (short.new, short.all) == (1, 3)
    assert short.new_share == pytest.approx(1 / 3)
    assert short.before_share == pytest.approx(2 / 15)
    assert short.shift == pytest.approx(1 / 3 - 2 / 15)


def test_going_on_from_the_last_page_gives_what_a_new_count_gives(house: House, tmp_path: Path) -> None:
    shutil.copytree(house.workspace.root, tmp_path / "workspace")
    copy = Workspace(tmp_path / "workspace")
    shutil.rmtree(copy.root / REPORTS_FOLDER)
    anew = count_night(house.settings, copy, {}, now=0.0).record
    assert _without_time(anew.all_rows) == _without_time(house.records[1].all_rows)


def test_a_night_counts_its_own_batches_alone(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(house.workspace.root, tmp_path / "workspace")
    copy = Workspace(tmp_path / "workspace")
    for ending in (".json", ".html"):
        (copy.root / REPORTS_FOLDER / f"{names(copy)[-1]}{ending}").unlink(missing_ok=True)
    counted = []
    measure = night.measure
    monkeypatch.setattr(
        night, "measure", lambda ws, batch, most, **how: counted.append(batch.name) or measure(ws, batch, most, **how)
    )
    count_night(house.settings, copy, {}, now=0.0)
    assert counted == ["0003-press", "0004-law"]


def test_a_bag_survives_json(house: House) -> None:
    counts = house.records[0].all
    assert from_rows(as_rows(counts)) == counts
    assert only(counts, 0, "clean")[key.IN, "clean", "press", "en"] == 10


def test_nothing_new_leaves_the_page_that_stands(house: House) -> None:
    assert house.workspace.root / house.second["report"] == page_path(house.workspace, names(house.workspace)[-1])
    assert key_of(house.workspace) == house.records[1].key
    assert len(names(house.workspace)) == 2


def test_before_the_first_refresh_there_is_nothing_to_count(house: House, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no refresh yet"):
        count_night(house.settings, Workspace(tmp_path), {}, now=0.0)


def _without_time(rows: list[list[str | int]]) -> list[list[str | int]]:
    return [row for row in rows if row[0] != key.MILLISECONDS]


def test_models_and_terms_with_a_limit_are_limits_too(tmp_path: Path) -> None:
    settings = CleanSettings(
        rule_set=[], entity_limits={"BOILERPLATE": 3}, models=[{**write_examples(tmp_path, num=12), "at_least": 0.5}]
    )
    assert limits_of(settings) == [
        ["models.sea", "models.sea", "at_least", 0.5, ""],
        ["entity_rules.BOILERPLATE", "num_boilerplate", "at_most", 3.0, ""],
    ]


def test_under_datatroves_count_rules_judge_all_languages() -> None:
    assert any(languages for *_, languages in limits_of(CleanSettings()))
    assert not any(languages for *_, languages in limits_of(CleanSettings(words="spacy")))


@pytest.mark.usefixtures("scrub_key")
def test_scores_of_models_are_signals_with_values_and_limits(tmp_path: Path) -> None:
    write_lines(tmp_path / "press" / "a.jsonl", {**ENGLISH, "sale": f"casino sale {english(90)}"})
    write_lines(tmp_path / "law" / "b.jsonl", CHINESE)
    models = [write_reference(tmp_path, at_least=0.5, at_most=60), write_word_list(tmp_path)]
    settings = settings_of(tmp_path, clean__models=json.dumps(models), report__every_refresh="false")
    refreshed(settings)
    record = count_night(settings, Workspace(settings.workspace.resolve()), {}, now=0.0).record
    found = {signal.name: signal for signal in views.signals(record)}
    assert [(one.rule, one.bound, one.limit) for one in found["models.fluency"].limits] == [
        ("models.fluency.at_least", "at_least", 0.5),
        ("models.fluency.at_most", "at_most", 60.0),
    ]
    assert sum(found["models.fluency"].new.values()) == len(ENGLISH) + 1  # none of the Chinese ones: see perplexity
    shares = found["models.selling"].new
    assert found["models.selling"].limits == () and sum(shares.values()) == len(ENGLISH) + 1 + len(CHINESE)
    assert sum(number for share, number in shares.items() if share > 0) == 1
