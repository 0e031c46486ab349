"""Dates as they are told, as ISO 8601 or not at all."""

import pytest

from pipeline_lib.ingest.dates import date_of_parts, date_of_pdf, iso_date


@pytest.mark.parametrize(
    ("told", "date"),
    [
        ("2024", "2024"),
        (" 2024-05 ", "2024-05"),
        ("2024-05-09", "2024-05-09"),
        ("2024-05-09T10:11:12Z", "2024-05-09T10:11:12Z"),
        ("2024-05-09 10:11", "2024-05-09T10:11"),
        ("2024-05-09T10:11:12.123+08:00", "2024-05-09T10:11:12.123+08:00"),
        ("2024-13", None),
        ("2024-02-30", None),
        ("0000", None),
        ("2024-05-09T25:00:00Z", None),
        ("May 2024", None),
        ("2024年5月", None),
        ("２０２４", None),
        ("2024-05-09; drop", None),
        ("", None),
        (None, None),
    ],
)
def test_what_is_no_iso_date_is_none(told: str | None, date: str | None) -> None:
    assert iso_date(told) == date


@pytest.mark.parametrize(
    ("parts", "date"),
    [
        (("2024", "5", "9"), "2024-05-09"),
        (("2024", "May", None), "2024-05"),
        (("2024", "december", "31"), "2024-12-31"),
        (("2024", "02", "30"), "2024-02"),
        (("2024", "13", "1"), "2024"),
        (("2024", "Spring", None), "2024"),
        (("2024", None, "9"), "2024"),
        (("2024", "²", None), "2024"),
        ((None, "5", "9"), None),
        (("today", None, None), None),
    ],
)
def test_parts_make_as_much_of_a_date_as_they_can(parts: tuple[str | None, ...], date: str | None) -> None:
    assert date_of_parts(*parts) == date


@pytest.mark.parametrize(
    ("told", "date"),
    [
        ("D:20240509101112+08'00'", "2024-05-09T10:11:12+08:00"),
        ("D:20240509101112Z", "2024-05-09T10:11:12Z"),
        ("D:20240509101112Z00'00'", "2024-05-09T10:11:12Z"),
        ("D:202405091011", "2024-05-09T10:11:00"),
        ("20240509", "2024-05-09"),
        ("D:2024", "2024"),
        ("D:20240509999999", "2024-05-09"),
        ("D:20249999", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_of_pdf(told: str, date: str | None) -> None:
    assert date_of_pdf(told) == date
