"""Judgments of courts of common law: what they say of themselves, and what is none of it."""

import pytest

from pipeline_lib.ingest.judgments.organisations import organisation_in
from tests.made_judgments import DISTRICT, HIGH, UK, US, told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            UK,
            {
                "court": "Supreme Court of the United Kingdom",
                "citation": "[2021] UKSC 905",
                "date": "2021-02-19",
                "parties": "Appellants: Northern Cabs BV; Respondents",
            },
        ),
        (
            US,
            {
                "court": "Supreme Court of the United States",
                "case_number": "18-9956",
                "date": "2021-04-05",
                "parties": "Petitioner: NORTHERN SEARCH LLC; ORACULAR AMERICA, INC",
            },
        ),
        (
            DISTRICT,
            {
                "court": "United States District Court Northern District of California",
                "case_number": "3:21-cv-01234-ABC",
                "date": "2021-06-30",
                "parties": "Plaintiff; Defendant: NORTHERN STORES CORPORATION",
            },
        ),
        (
            HIGH,
            {
                "court": "High Court of Justice",
                "case_number": "CO/1234/2022",
                "citation": "[2023] EWHC 123 (Admin)",
                "date": "2023-01-27",
            },
        ),
    ],
    ids=["uk", "us", "district", "high"],
)
def test_judgments_of_common_law_tell_the_same(text: str, expected: dict[str, str]) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    ("line", "citation", "court"),
    [
        ("[2020] EWCA Civ 5", "[2020] EWCA Civ 5", "Court of Appeal of England and Wales (Civil Division)"),
        ("Neutral Citation: [2019] HCA 7", "[2019] HCA 7", "High Court of Australia"),
        ("Smith v Jones [2022] NZSC 8", "[2022] NZSC 8", "Supreme Court of New Zealand"),
        ("Citation: 2021 SCC 3", "2021 SCC 3", "Supreme Court of Canada"),
        ("[2021]  UKSC  3", "[2021] UKSC 3", "Supreme Court of the United Kingdom"),
    ],
)
def test_a_neutral_citation_names_its_court(line: str, citation: str, court: str) -> None:
    assert told(f"{line}\nJUDGMENT\n") == {"citation": citation, "court": court} | (
        {"parties": told(line)["parties"]} if "parties" in told(line) else {}
    )


@pytest.mark.parametrize(
    "line",
    [
        "[1998] AC 232",  # a report of law
        "[2004] 1 WLR 113",
        "The principle in Smith v Jones [2021] UKSC 3 is well known.",
        "See [2021] UKSC 3",
        "[2021] XYZ 3",
        "[2021] UKSC",
    ],
)
def test_what_is_cited_or_no_neutral_citation_is_none(line: str) -> None:
    assert "citation" not in told(f"JUDGMENT\n{line}\n")


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("No. 21-1234", "21-1234"),
        ("Nos. 20-1530 and 20-1531", "20-1530"),
        ("Docket No. 19-cv-55", "19-cv-55"),
        ("Civil Action No. 3:19-CV-00123", "3:19-CV-00123"),
        ("C.A. No. 2020-0123-JRS", "2020-0123-JRS"),
        ("Claim No: QB-2020-001234", "QB-2020-001234"),
        ("Appeal No. UKEAT/0123/19/LA", "UKEAT/0123/19/LA"),
        ("Case Number: A2/2019/1234", "A2/2019/1234"),
        ("JANE DOE, Plaintiff, Case No. 21-cv-9", "21-cv-9"),
        ("UKSC 2020/0001", "UKSC 2020/0001"),
        ("Case No. S254321", "S254321"),
        ("Case No: 201902345 B2", "201902345 B2"),
    ],
)
def test_docket_numbers_are_read_behind_their_labels(line: str, number: str) -> None:
    assert told(f"SUPREME COURT OF OHIO\n{line}\n")["case_number"] == number


@pytest.mark.parametrize(
    "line",
    [
        "The court in No. 21-1234 held otherwise, as this one does.",
        "No. 5 of the rules",
        "See (No. 99-1234), 2",
        "No one came",
    ],
)
def test_numbers_within_sentences_are_others(line: str) -> None:
    assert "case_number" not in told(f"SUPREME COURT OF OHIO\n{line}\n")


@pytest.mark.parametrize(
    ("line", "day"),
    [
        ("Decided: June 30, 2021", "2021-06-30"),
        ("DECIDED JUNE 30, 2021", "2021-06-30"),
        ("Filed 30th June 2021", "2021-06-30"),
        ("Argued May 1, 2020 Decided June 30, 2021", "2021-06-30"),
        ("Filed July 1, 2021. Decided June 30, 2021", "2021-06-30"),
        ("Judgment handed down on Wednesday 30 June 2021", "2021-06-30"),
        ("Date of judgment\n30 June 2021", "2021-06-30"),
        ("Dated this 30th day of June, 2021", "2021-06-30"),
        ("Date: 30/06/2021", "2021-06-30"),
        ("Date: 06/30/2021", "2021-06-30"),
        ("Date: 2021-06-30", "2021-06-30"),
        ("30 June 2021", "2021-06-30"),
    ],
)
def test_days_are_read_in_the_ways_courts_write_them(line: str, day: str) -> None:
    assert told(f"SUPREME COURT OF OHIO\n{line}\nOPINION\n")["date"] == day


@pytest.mark.parametrize(
    "lines",
    ["Date: 03/04/2021", "Argued May 1, 2020", "Heard on\n1 May 2020", "On May 1, 2020 the parties met.",
     "Filed February 30, 2021", "1 May 2020\n2 May 2020", "It was decided May 1, 2020."],
)  # fmt: skip
def test_days_that_may_be_two_or_are_others_are_not_told(lines: str) -> None:
    assert "date" not in told(f"SUPREME COURT OF OHIO\n{lines}\nOPINION\n")


def test_a_citation_says_whose_days_they_are() -> None:
    assert told("[2020] EWCA Crim 1071\nDate: 12/08/2020\n")["date"] == "2020-08-12"
    assert told("[2020] EWCA Crim 1071\nDate: 30/08/2020\n")["date"] == "2020-08-30"
    assert "date" not in told("[2020] EWCA Crim 1071\nDate: 08/30/2020\n")


def test_what_a_party_is_described_as_is_no_name_and_no_sentence() -> None:
    lines = [
        "JOHN ROE, an individual,",
        "Appellant,",
        "v.",
        "NORTHERN STORES LLC, a Delaware limited liability company,",
    ]
    shown = told("\n".join(["SUPREME COURT OF OHIO", *lines, "Respondent."]))["parties"]
    assert shown == "Appellant; Respondent: NORTHERN STORES LLC"


@pytest.mark.parametrize(
    ("line", "court"),
    [
        ("IN THE SUPREME COURT OF THE STATE OF DELAWARE", "Supreme Court of the State of Delaware"),
        ("In the Court of Appeal (Civil Division)", "Court of Appeal (Civil Division)"),
        (
            "UNITED STATES COURT OF APPEALS\nFOR THE NINTH CIRCUIT",
            "United States Court of Appeals for the Ninth Circuit",
        ),
        ("COURT OF CHANCERY\nOF THE STATE OF DELAWARE\n", "Court of Chancery"),
        ("EMPLOYMENT APPEAL TRIBUNAL", "Employment Appeal Tribunal"),
    ],
)
def test_courts_of_common_law_are_lines_of_names(line: str, court: str) -> None:
    assert told(f"{line}\nOPINION\n")["court"] == court


@pytest.mark.parametrize(
    "line",
    ["Before the Court is a motion", "SUPREME COURT REPORTS", "Clerk of the Court", "THE COURT", "Food Court",
     "Royal Court Hotel",
     "On Appeal from the Court of Appeal", "A" * 5000 + " COURT!"],
)  # fmt: skip
def test_what_speaks_of_a_court_names_none(line: str) -> None:
    assert "court" not in told(f"{line}\nOPINION\n")


@pytest.mark.parametrize(
    ("name", "told_name"),
    [
        ("Acme Ltd", "Acme Ltd"),
        ("ORACULAR AMERICA, INC.", "ORACULAR AMERICA, INC"),
        ("Acme Ltd and Beta plc", "Acme Ltd and Beta plc"),
        ("Secretary of State for Health", "Secretary of State for Health"),
        ("Merrick Doe, Attorney General", "Attorney General"),
        ("State of Texas", "State of Texas"),
        ("United States", "United States"),
        ("R", "R"),
        ("Kent County Council", "Kent County Council"),
        ("University of Leeds", "University of Leeds"),
        ("Smith", ""),
        ("John Church", ""),
        ("Maria de Sa", ""),
        ("Jane Bank", ""),
        ("Melissa Council", ""),
        ("Acme Ltd and John Smith", ""),
        ("John Smith d/b/a Smith Company", ""),
        ("John Smith t/a Smith Ltd", ""),
        ("United States ex rel. John Smith", ""),
        ("John Smith, in his official capacity as Secretary of State for Health", ""),
        ("Secretary of State John Smith", ""),
        ("Trustees of John Smith", ""),
        ("Estate of Jane Doe", ""),
        ("Attorney General Jane Doe", ""),
        ("Smith & Co", "Smith & Co"),
        ("Acme & Company, Inc", "Acme & Company, Inc"),
        ("Bank of Ohio", "Bank of Ohio"),
        ("ACME AG", "ACME AG"),
        ("Siti Ag", ""),
        ("Northern Credit Union", "Northern Credit Union"),
        ("Northern Savings Bank", "Northern Savings Bank"),
        ("Acme Ltd & Beta plc", "Acme Ltd and Beta plc"),
    ],
)
def test_an_english_name_is_told_of_an_organisation_alone(name: str, told_name: str) -> None:
    assert organisation_in(name) == told_name


JOINS = (" & ", "&", "/", " c/o ", " of ", " t/as ", " and/or ", " AND/OR ", " for ", " or ", " d/b/a ", " dba ", " + ")


@pytest.mark.parametrize("joined", [*JOINS, ", Director of ", " by ", " a/k/a ", " trading as "])
@pytest.mark.parametrize("name", ["Acme Inc", "ACME, INC.", "Acme Ltd", "Leeds University", "Ohio Trust Bank"])
def test_a_person_who_is_joined_to_an_organisation_is_not_told(joined: str, name: str) -> None:
    assert "Doe" not in organisation_in(f"Jane Doe{joined}{name}")
    assert "Doe" not in told(f"SUPREME COURT OF OHIO\nNo. 21-1234\nJane Doe{joined}{name} v. Roe\n").get("parties", "")


@pytest.mark.parametrize(
    "office", ["State of Texas", "University of Ohio", "Board of Health", "Acme Inc", "Bank of Ohio"]
)
@pytest.mark.parametrize("joined", [" for ", " for the use of ", " by ", " ex rel. ", " & ", "/"])
def test_a_person_for_whom_an_organisation_acts_is_not_told(office: str, joined: str) -> None:
    assert "Doe" not in organisation_in(f"{office}{joined}Jane Doe")
