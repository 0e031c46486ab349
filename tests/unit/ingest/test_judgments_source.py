"""The source of judgments: files, archives and records, with what they say."""

import shutil
from pathlib import Path
from typing import Any

import docx
import pytest

from pipeline_lib.ingest.judgments import rules
from pipeline_lib.ingest.sources.judgments import JudgmentsSource
from tests.made_files import han_pdf_of, pdf_of
from tests.made_judgments import CIVIL, DISTRICT, US, told


@pytest.fixture
def judged(house: Any) -> Any:
    """A workspace whose source is its folder of judgments."""
    house.other = JudgmentsSource(name="docs", path=house.root / "docs")
    return house


def test_a_folder_of_judgments_is_read_as_files_are_with_what_they_say(judged: Any) -> None:
    judged.write("a.txt", CIVIL)
    judged.write("b.html", f"<body><p>{'</p><p>'.join(US.splitlines())}</p></body>")
    judged.write("c.xlsx", "no")
    document = docx.Document()
    for line in CIVIL.splitlines():
        document.add_paragraph(line)
    document.core_properties.author, document.core_properties.title = "周八", "张三与某公司"
    place = judged.write("d.docx", b"")
    document.save(str(place))
    plan = judged.night()
    rows = {row["url"]: dict(row["metadata"]) for row in judged.rows(plan)}
    assert rows["a.txt"] == told(CIVIL)
    assert rows["b.html"] == told(US)
    assert rows["d.docx"] == told(CIVIL)
    assert [row["title"] for row in judged.rows(plan)] == [None] * 3
    assert ".xlsx" in plan.passed_over


def test_a_pdf_tells_the_same_and_not_its_title(judged: Any) -> None:
    judged.write("a.pdf", han_pdf_of([CIVIL.splitlines()]))
    judged.write("b.pdf", pdf_of([DISTRICT.splitlines()], told=b"/Title (Doe v. Northern) /Author (A Clerk)"))
    rows = {row["url"]: row for row in judged.rows(judged.night())}
    assert dict(rows["a.pdf"]["metadata"]) == told(CIVIL)
    assert dict(rows["b.pdf"]["metadata"]) == told(DISTRICT)
    assert rows["b.pdf"]["title"] is None


def test_records_keep_what_the_settings_ask_of_them(house: Any) -> None:
    house.other = JudgmentsSource(
        name="docs", path=house.root / "docs", title_field="t", metadata_fields={"court": "c"}, parties="none"
    )
    house.write("a.jsonl", '{"id": 1, "t": "A", "c": "Ours", "text": "SUPREME COURT OF OHIO\\nNo. 21-1234\\n"}\n')
    (row,) = house.rows(house.night())
    assert (row["title"], dict(row["metadata"])) == ("A", {"court": "Ours", "case_number": "21-1234"})


@pytest.mark.parametrize("pack", ["zip", "tar"])
def test_what_a_file_in_an_archive_says_of_its_author_is_left_out_and_its_records_keep_theirs(
    house: Any, pack: str, tmp_path: Path
) -> None:
    packed = tmp_path / "packed"
    packed.mkdir()
    document = docx.Document()
    document.add_paragraph("SUPREME COURT OF OHIO")
    document.add_paragraph("No. 21-1234")
    document.core_properties.author, document.core_properties.title = "A Clerk", "Doe v. Northern"
    document.save(str(packed / "b.jsonl#.docx"))
    (packed / "a.jsonl").write_text('{"id": "x.docx", "t": "A", "d": "2020", "text": "one"}\n')
    shutil.make_archive(str(house.root / "docs" / "all"), pack, packed)
    house.other = JudgmentsSource(
        name="docs", path=house.root / "docs", title_field="t", metadata_fields={"date": "d", "author": "t"}
    )
    rows = {row["url"]: (row["title"], dict(row["metadata"])) for row in house.rows(house.night())}
    assert rows == {
        f"all.{pack}#a.jsonl#x.docx": ("A", {"date": "2020", "author": "A"}),
        f"all.{pack}#b.jsonl%23.docx": (None, {"court": "Supreme Court of Ohio", "case_number": "21-1234"}),
    }


def test_a_text_that_trips_a_rule_is_taken_and_nothing_is_told_of_it(
    judged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trip(*_given: Any, **_named: Any) -> None:
        raise ValueError("a rule")

    monkeypatch.setattr(rules, "told_of", trip)
    judged.write("a.txt", CIVIL)
    (row,) = judged.rows(judged.night())
    assert (row["text"], dict(row["metadata"] or {})) == (CIVIL, {})


def test_other_rules_and_other_parties_are_another_reading(tmp_path: Path) -> None:
    one = JudgmentsSource(name="docs", path=tmp_path)
    assert one.decisive() != JudgmentsSource(name="docs", path=tmp_path, parties="none").decisive()
    assert one.decisive()["rules"] == "judgments.v1"
