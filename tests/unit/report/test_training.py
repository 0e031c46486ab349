"""The public summary of training content: what is counted is what is learned, and nothing is invented."""

import json
from pathlib import Path

import pytest

from flows.show.summary_eu import json_of, markdown_of, plain, sections_of, show_summary
from pipeline_lib.base.errors import DataError, SettingsError
from pipeline_lib.report.california import california
from pipeline_lib.report.counts import Counts, split
from pipeline_lib.report.eu import summary
from pipeline_lib.report.given import Given, read_given
from pipeline_lib.report.known import Answer, Known, Section
from pipeline_lib.report.training import BYTES, DOCUMENTS, DOMAIN, TOKENS, Content, content_of, domain_of, top_domains
from pipeline_lib.stages import resolve
from pipeline_lib.store.workspace import Batch, Workspace
from tests.unit.report.conftest import House

FACTS = """
[provider]
name = "Example Ltd"
contact = "legal@provider.example"
is_sme = true

[sources.press]
kind = "licensed"
description = "news of the harbour"
is_copyrighted = true
has_personal_data = false
"""


def answers_of(sections: list[Section], number: str) -> list[Answer]:
    return [answer for section in sections for answer in section.answers if answer.number == number]


def facts(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "facts.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_counted_is_what_the_snapshot_gives_to_a_training(house: House) -> None:
    content = content_of(house.workspace)
    assert split(content.counts, DOCUMENTS, 0).total() == content.num_documents > 0
    assert split(content.counts, TOKENS, 1).total() == content.num_tokens > 0
    assert content.num_documents == house.second["snapshot"]["num_documents"]
    assert content.num_documents < 13 - 2  # 13 are kept, 2 of them were withdrawn, and some are held out
    assert split(content.counts, BYTES, 0).keys() == {"press", "law"}


def test_without_facts_all_that_only_a_person_knows_is_open(house: House) -> None:
    sections = sections_of(house.settings, house.workspace, None)
    still_open = {answer.key for section in sections for answer in section.answers if answer.is_open}
    assert {"provider.name", "model.placed_on_market", "processing.illegal_content", "model.purpose"} <= still_open
    assert {"sources.NAME.is_copyrighted", "sources.NAME.kind"} <= still_open
    (unsaid,) = [answer for answer in answers_of(sections, "2") if answer.origin == "counted"]
    assert unsaid.key in ("sources.press.kind, sources.law.kind", "sources.law.kind, sources.press.kind")
    assert any("CC-BY-4.0 100.0%" in line for line in unsaid.value or ())
    text = markdown_of(sections)
    assert "TO BE FILLED IN: `provider.name`" in text
    assert "Example" not in text


def test_facts_fill_what_they_tell_and_no_more(house: House, tmp_path: Path) -> None:
    sections = sections_of(house.settings, house.workspace, facts(tmp_path, FACTS))
    (licensed,) = answers_of(sections, "2.2.1")
    assert licensed.origin == "told"
    assert licensed.value is not None
    assert licensed.value[0].startswith("press: ")
    assert "news of the harbour" in licensed.value[0]
    assert answers_of(sections, "1.1")[0].value == "Example Ltd, legal@provider.example"
    (copyrighted,) = answers_of(sections, "(5)")
    assert copyrighted.is_open  # of law nobody has said it


def test_each_of_the_twelve_fields_of_california_is_there(house: House) -> None:
    section = sections_of(house.settings, house.workspace, None)[-1]
    assert [answer.number for answer in section.answers] == [f"({number})" for number in range(1, 13)]


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("[provider]\nnames = 'x'", r"provider\.names: nobody asks for that\. Did you mean name\?"),
        ("[provder]\nname = 'x'", r"provder: nobody asks for that\. Did you mean provider\?"),
        ("[sources.press]\nkind = 'stolen'", r"sources\.press\.kind: .*Correct the file"),
        ("[sources.pres]\nkind = 'public'", r"sources\.pres: there is no such source\. There are: law, press\."),
        ("[provider\n", r"is not TOML: .*Correct the file"),
    ],
)
def test_a_slip_in_the_facts_is_named(house: House, tmp_path: Path, text: str, advice: str) -> None:
    with pytest.raises(SettingsError, match=advice):
        sections_of(house.settings, house.workspace, facts(tmp_path, text))


def test_facts_that_are_not_there_are_missed(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nothing\.toml: cannot be read"):
        read_given(tmp_path / "nothing.toml", set())


def test_before_the_first_refresh_there_is_nothing_to_tell(house: House, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no refresh yet"):
        sections_of(house.settings, Workspace(tmp_path), None)


def crawled(domains: dict[str, int], given: Given) -> Known:
    """A corpus of one crawler."""
    source = {"kind": "crawl", "name": "web", "seeds": ["https://a.example/"], "contact": "https://us.example/bot"}
    settings = resolve(None, {}, [("ingest.sources", json.dumps([source]))]).settings
    counts = Counts({(DOCUMENTS, "web", "en"): 5, (TOKENS, "web", "en"): 2_000_000_000, (BYTES, "web", "en"): 9})
    counts.update({(DOMAIN, "web", name): size for name, size in domains.items()})
    batch = Batch(1, "web", "f" * 32, arrived="2026-11-28")
    return Known(settings, Content(counts, "d", 5, 2_000_000_000), given, [batch], {"web": {"robots": 3}})


def test_a_crawler_is_told_with_its_domains_its_rules_and_what_it_left() -> None:
    known = crawled({f"d{number}.example": number + 1 for number in range(25)}, Given())
    sections = [*summary(known), california(known)]
    text = markdown_of(sections)
    (domains,) = [answer for answer in answers_of(sections, "2.3") if answer.question.startswith("Domains")]
    assert domains.value == ["d24.example", "d23.example", "d22.example"]  # a tenth of 25, no less
    assert "1 billion to 10 trillion tokens (2,000,000,000 tokens" in text
    assert "taken in 2026-11-28 to 2026-11-28" in text
    assert "obeys robots.txt" in text
    assert "robots: 3" in text


@pytest.mark.parametrize(
    ("number", "is_sme", "most"), [(25, False, 3), (25, True, 2), (40_000, True, 1000), (1, False, 1), (0, True, 0)]
)
def test_a_tenth_of_the_domains_is_listed_and_of_an_sme_a_twentieth(number: int, is_sme: bool, most: int) -> None:
    counts = Counts({(DOMAIN, "web", f"{at:05}.example"): 1 for at in range(number)})
    listed, there = top_domains(counts, "web", is_sme=is_sme)
    assert (len(listed), there) == (most, number)


@pytest.mark.parametrize(
    ("server", "domain"),
    [
        ("https://www.bbc.co.uk", "bbc.co.uk"),
        ("http://news.example.com:8080", "example.com"),
        ("http://localhost:8000", "localhost"),
        ("http://192.0.2.7", "192.0.2.7"),
        ("https://新闻.例子.中国", "例子.中国"),
    ],
)
def test_a_domain_is_what_somebody_registered(server: str, domain: str) -> None:
    assert domain_of(server) == domain


@pytest.mark.parametrize("text", ["<script>x</script>", "a\n# heading", "[x](javascript:y)", "`code` *bold* | cell"])
def test_words_of_others_mean_nothing_in_markdown(text: str) -> None:
    shown = plain(text)
    assert "\n" not in shown
    assert all(shown[at - 1] == "\\" for at, sign in enumerate(shown) if sign in "`*_[]<>|#")


def test_it_is_written_as_two_files(house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_summary(house.settings, house.workspace, None, tmp_path / "summary.v1", as_json=False)
    assert (tmp_path / "summary.v1.md").read_text(encoding="utf-8").startswith("# Public summary")
    written = json.loads((tmp_path / "summary.v1.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(json_of(sections_of(house.settings, house.workspace, None))))
    assert "fields left for you: --facts FILE.toml gives them" in capsys.readouterr().out
