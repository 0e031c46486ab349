"""How much broken input a night takes before it stops."""

from typing import Any

import pytest

from pipeline_lib.base.errors import GuardStop

GOOD, BAD = '{"text": "密码 secret text"}\n', '{"text": "密码 secret\n'


def test_one_bad_record_never_stops_a_night(house: Any) -> None:
    house.settings = {"max_bad_share": 0}
    house.write("a.jsonl", BAD)
    assert house.quarantine(house.night()) == ["a.jsonl:1: invalid JSON"]


def test_bad_records_up_to_the_share_are_taken(house: Any) -> None:
    house.settings = {"max_bad_share": 0.02}
    house.write("a.jsonl", GOOD * 98 + BAD * 2)
    assert len(house.quarantine(house.night())) == 2


def test_more_stop_the_night_with_places_and_the_setting_but_without_text(house: Any) -> None:
    house.settings = {"max_bad_share": 0.02}
    house.write("a.jsonl", GOOD * 97 + BAD * 3)
    with pytest.raises(GuardStop) as stop:
        house.night()
    assert str(stop.value) == (
        "ingest: 3 of 100 records of source 'docs' (3.0%) cannot become documents, more than "
        "ingest.max_bad_share = 0.02. The first are a.jsonl:98: invalid JSON; a.jsonl:99: invalid JSON; "
        "a.jsonl:100: invalid JSON. Repair them, or raise ingest.max_bad_share."
    )


def test_unchanged_documents_of_a_changed_file_count_as_records(house: Any) -> None:
    house.settings = {"max_bad_share": 0.02}
    house.write("a.jsonl", GOOD * 98 + BAD * 2)
    house.night()
    house.write("a.jsonl", GOOD * 99 + BAD * 2)
    plan = house.night()
    assert (len(house.rows(plan)), len(house.quarantine(plan))) == (1, 2)
