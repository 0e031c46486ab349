"""The schedule: lines of cron and time zones that are right, and what is said of those that are not."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.server.schemas.schedules import CronSchedule

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.settings.schedule import MONTHS, WEEKDAYS, check_cron
from pipeline_lib.stages import resolve

RIGHT = ["0 2 * * *", "*/15 1-3,5 1,15 jan-MAR mon-fri", "0 2 29 2 *", "59 23 31 12 7", "0 2 31 2 mon", "0-9/5 0 * * *"]
WRONG = {
    "0 2 * *": "4 fields, where five fields are wanted",
    "@daily": "1 fields",
    "": "0 fields",
    "0 2 * * * *": "6 fields",
    "60 2 * * *": "minute '60' is not within 0 to 59",
    "0 24 * * *": "hour '24' is not within 0 to 23",
    "0 2 0 * *": "day '0' is not within 1 to 31",
    "0 2 * 13 *": "month '13' is not within 1 to 12",
    "0 2 * * 8": "weekday '8' is not within 0 to 7",
    "5-1 2 * * *": "minute '5-1' is not within 0 to 59, the smaller number first",
    "*/0 2 * * *": "minute '*/0' is no number, range or step",
    "*-3 2 * * *": "minute '*-3' is no number",
    "0 two * * *": "hour 'two' is no number;",
    "0 2 * * monday": "weekday 'monday' is no number and no name",
    "0 2 , * *": "day '' is no number",
    "H 2 * * *": "minute 'H' is no number",
    "0 2 30 2 *": "there is no such day in these months",
    "0 2 31 4,6,9,11 *": "there is no such day in these months",
    "٣ 2 * * *": "minute '٣' is no number",
}


def _told(name: str, value: str) -> str:
    with pytest.raises(SettingsError) as caught:
        resolve(None, {}, [(name, value)])
    return str(caught.value)


@pytest.mark.parametrize("cron", RIGHT)
def test_a_right_line_of_cron_is_taken_as_it_is(cron: str) -> None:
    assert resolve(None, {}, [("schedule.cron", cron)]).settings.schedule.cron == cron


@pytest.mark.parametrize("cron", WRONG)
def test_a_wrong_one_is_told_with_its_setting_its_field_and_where_it_comes_from(cron: str) -> None:
    said = _told("schedule.cron", cron)
    assert said.startswith(f"schedule.cron: {WRONG[cron]}")
    assert said.endswith("It comes from command line --schedule.cron.")


def _field(smallest: int, largest: int, names: dict[int, str]) -> st.SearchStrategy[str]:
    numbers = st.integers(smallest, largest)
    ranges = st.tuples(numbers, numbers).map(sorted)
    part = st.one_of(
        st.just("*"),
        numbers.map(str),
        numbers.map(lambda number: names.get(number, str(number))),
        ranges.map(lambda ends: f"{ends[0]}-{ends[1]}"),
        st.tuples(ranges, st.integers(1, 5)).map(lambda given: f"{given[0][0]}-{given[0][1]}/{given[1]}"),
        st.integers(1, 5).map(lambda step: f"*/{step}"),
    )
    return st.lists(part, min_size=1, max_size=3).map(",".join)


CRON = st.tuples(
    _field(0, 59, {}),
    _field(0, 23, {}),
    _field(1, 28, {}),
    _field(1, 12, dict(enumerate(MONTHS, 1))),
    _field(0, 6, dict(enumerate(WEEKDAYS))),
).map(" ".join)


@given(CRON)
def test_what_is_taken_here_is_understood_by_prefect_and_due_one_day(cron: str) -> None:
    check_cron(cron)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    (due,) = asyncio.run(CronSchedule(cron=cron, timezone="UTC").get_dates(1, start))
    assert due >= start


@pytest.mark.parametrize("zone", ["Etc/UTC", "UTC", "Europe/Berlin", "America/Argentina/Ushuaia"])
def test_a_time_zone_is_a_name_of_the_iana_database(zone: str) -> None:
    assert resolve(None, {}, [("schedule.time_zone", zone)]).settings.schedule.time_zone == zone


@pytest.mark.parametrize(
    ("zone", "advice"),
    [
        ("Europe/Berln", "Did you mean Europe/Berlin?"),
        ("shanghai", "Did you mean Asia/Shanghai?"),
        ("Europe", "knows no such time zone"),
        ("UTC+2", "knows no such time zone"),
        ("../../etc/passwd", "Names are those of the IANA database"),
        ("/etc/localtime", "knows no such time zone"),
        ("", "Names are those of the IANA database"),
    ],
)
def test_another_is_told_with_its_setting_and_the_nearest(zone: str, advice: str) -> None:
    said = _told("schedule.time_zone", zone)
    assert said.startswith("schedule.time_zone: this machine knows no such time zone") and advice in said


def test_a_file_and_the_environment_set_it_too(tmp_path: Path) -> None:
    config = tmp_path / "given.toml"
    config.write_text('[schedule]\ncron = "none"\ntime_zone = "Asia/Tokyo"\n', encoding="utf-8")
    variable = {"NIGHTSHIFT_SCHEDULE__TIME_ZONE": "Europe/Rome"}
    assert resolve(config, {}, ()).settings.schedule.cron is None
    assert resolve(config, variable, ()).settings.schedule.time_zone == "Europe/Rome"
