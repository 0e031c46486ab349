"""The four makers from file to file."""

import base64
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_lib.base.errors import DataError, GuardStop
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.stage import JUDGE, MAKERS, SIGNALS, TERMS, TEXT
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA, LEDGER_SCHEMA
from tests.given import given
from tests.unit.clean.conftest import clean_documents, documents_of

GOLDEN = Path(__file__).with_name("golden.json")
FILES = (
    (TEXT, "documents.parquet"),
    (TEXT, "extraction.parquet"),
    (SIGNALS, "signals.parquet"),
    (TERMS, "terms.parquet"),
    (JUDGE, "ledger.parquet"),
)
JUNK = {
    "too_few_characters": "Too short.",
    "too_few_words": "https://example.org/" + "a/" * 60,
    "too_few_stop_words": "Kitchen table lamp. Garden chair sofa. " + " ".join(f"Item{i} price." for i in range(50)),
    "words_too_long": "The key is below, and that is all of it. " + " ".join(
        base64.b64encode(hashlib.sha256(bytes([i])).digest()).decode() for i in range(60)
    ),
    "repeated_lines": "This is the one line that comes again and again to this page.\n" * 20,
    "repeated_phrases": "Buy the best of watches with us to be happy. " * 20,
    "too_many_bullets": "\n".join(f"- the {i}th entry of a list that has no end." for i in range(40)),
    "too_few_sentence_ends": "\n".join(f"Menu entry number {i} of the long list to see" for i in range(40)),
    "too_few_words_with_letters": "That is the sum of: " + " ".join(f"{i * i + 1000} =" for i in range(60)) + " to be.",
    "badly_decoded": "The text is to be read. " + " ".join(f"Word\ufffd{i}" for i in range(60)) + ".",
    "too_many_symbols": " ".join(f"# the comment{i} of #hash #tags" for i in range(15)) + ".",
}  # fmt: skip
CHINESE_JUNK = {
    "repeated_phrases": "欢迎光临本店，最新优惠活动正在进行中。" * 30,
    "too_few_sentence_ends": "\n".join(f"首页 新闻 体育 娱乐 财经 第{i}版" for i in range(30)),
    "too_few_characters": "暂无内容。",
}


def test_good_text_of_both_languages_is_kept(clean: Any, english: str, chinese: str) -> None:
    result = clean([english, chinese])
    assert [row["text"] for row in result.texts] == [english, chinese]
    assert [row["language"] for row in result.signals] == ["en", "zh"]
    assert result.judged.dropped == {}
    assert [row["failed"] for row in result.ledger] == [[], []]


@pytest.mark.parametrize("reason", JUNK)
def test_junk_is_dropped_for_what_is_wrong_with_it(clean: Any, reason: str) -> None:
    assert clean([JUNK[reason]], languages=None).reasons == [reason]


@pytest.mark.parametrize("reason", CHINESE_JUNK)
def test_chinese_junk_is_dropped_for_what_is_wrong_with_it(clean: Any, reason: str) -> None:
    assert clean([CHINESE_JUNK[reason]]).reasons == [reason]


def test_the_ledger_names_all_failing_rules_with_value_and_limit(clean: Any) -> None:
    [row] = clean(["Too short of words to be."]).ledger
    assert row["reason"] == "too_few_characters"
    assert row["failed"][:2] == [
        {"rule": "min_chars.v1", "value": 25, "limit": 100},
        {"rule": "min_words.v1", "value": 6, "limit": 50},
    ]


def test_min_words_keeps_from_the_limit_on(clean: Any, english: str) -> None:
    num_words = len(english.split())
    assert clean([english], rules={"min_words.v1": {"at_least": num_words}}).reasons == [None]
    assert clean([english], rules={"min_words.v1": {"at_least": num_words + 1}}).reasons == ["too_few_words"]


def test_a_rule_that_is_off_drops_nothing(clean: Any) -> None:
    off = {"min_chars.v1": "off", "min_words.v1": "off"}
    assert clean(["The cat and the dog have to be fed."], rules=off).reasons == [None]


def test_an_unwanted_language_is_dropped_and_none_keeps_all(clean: Any) -> None:
    german = "Wenn die Nacht kommt, beginnt die Arbeit, und am Morgen liegt das Ergebnis auf dem Tisch. "
    german += "Niemand sieht zu, aber alles steht im Buch: was behalten wurde, was verworfen wurde und aus welchem "
    german += "Grund. Wer eine andere Grenze will, schreibt eine Zahl in die Datei und startet den Lauf noch einmal. "
    german += "So bleibt jede Entscheidung sichtbar, auch nach Jahren noch."
    assert clean([german]).reasons == ["language_not_wanted"]
    assert clean([german], languages=None).reasons == [None]
    assert clean([german], languages=("de",)).reasons == [None]


def test_html_becomes_text_and_a_page_without_text_is_dropped(clean: Any, english: str) -> None:
    page = f"<html><body><article><p>{english}</p><p>{english.swapcase()}</p></article></body></html>"
    result = clean(
        [page, "<script>1</script>", "to be"], formats=["html", "html", "text"], rules={"max_top_2_gram.v1": "off"}
    )
    assert result.reasons == [None, "no_text_in_html", "language_not_wanted"]
    assert [row["format"] for row in result.texts] == ["text"] * 3
    assert result.texts[0]["text"].startswith("The night shift begins")
    assert [row["text"] for row in result.texts[1:]] == ["", "to be"]
    assert result.extraction[1:] == [{"num_tags": 2, "has_text": False}, {"num_tags": None, "has_text": True}]
    assert result.ledger[1]["failed"] == [{"rule": "html", "value": None, "limit": None}]


def test_a_page_with_too_many_tags_is_dropped_unread(clean: Any) -> None:
    result = clean(["<b>x</b>" * 501], formats=["html"], max_html_tags=1000)
    assert result.reasons == ["html_too_large"]
    assert result.ledger[0]["failed"] == [{"rule": "max_html_tags", "value": 1002, "limit": 1000}]
    assert result.extraction == [{"num_tags": 1002, "has_text": False}]


def test_markdown_stays_as_it_is(clean: Any, english: str) -> None:
    text = f"# Night\n\n{english}\n\n- *one*\n- `two`\n"
    [document] = clean([text], formats=["markdown"]).texts
    assert (document["format"], document["text"]) == ("markdown", text)


def test_all_that_is_known_of_a_document_stays_with_it(tmp_path: Path, english: str) -> None:
    known = {
        "fetched": datetime(2026, 1, 2, tzinfo=UTC),
        "title": "Night",
        "licence": "CC-BY-4.0",
        "metadata": [("year", "2026")],
        "messages": [{"role": "user", "content": "Hello"}],
    }
    documents = documents_of(["<p>x", english + "\r\n"], ["html", "text"])
    for name, value in known.items():
        place = documents.schema.get_field_index(name)
        documents = documents.set_column(
            place, DOCUMENTS_SCHEMA.field(name), pa.array([None, value], documents[name].type)
        )
    [_, after] = clean_documents(documents, tmp_path / "run").texts
    assert after == {**documents.to_pylist()[1], "text": english + "\n"}


def test_terms_are_counted_in_all_documents_and_too_many_drop_if_asked(clean: Any, english: str, chinese: str) -> None:
    rule = {"label": "PLACE", "terms": ["ledger", "账本"]}
    texts = [english, chinese, "nothing", "to be the ledger"]
    counted = clean(texts, entity_rules=[rule])
    assert [row["num_place"] for row in counted.terms] == [1, 1, 0, 1]
    assert counted.judged.facts["entities"] == {"PLACE": 3}
    assert [row["num_sentences"] for row in counted.terms] == [None] * 4
    short = ["too_few_characters"] * 2
    assert clean(texts, entity_rules=[rule], entity_limits={"PLACE": 1}).reasons == [None, None, *short]
    judged = clean(texts, entity_rules=[rule], entity_limits={"PLACE": 0})
    assert judged.reasons == ["too_many_place", "too_many_place", *short]
    assert judged.ledger[0]["failed"] == [{"rule": "entity_rules.PLACE", "value": 1, "limit": 0}]


def test_terms_are_not_blamed_on_what_other_rules_drop(clean: Any) -> None:
    rule = {"label": "PLACE", "terms": ["ledger"]}
    few = {"min_sentences.v1": {"at_least": 5}}
    [row] = clean(
        ["to be the ledger"], entity_rules=[rule], entity_limits={"PLACE": 0}, spacy_sentences=True, rules=few
    ).ledger
    assert {entry["rule"] for entry in row["failed"]}.isdisjoint({"entity_rules.PLACE", "min_sentences.v1"})


def test_sentences_are_counted_when_asked(clean: Any, english: str, chinese: str) -> None:
    few = {"min_sentences.v1": {"at_least": 5}}
    result = clean([english, chinese], spacy_sentences=True, rules=few)
    assert [row["num_sentences"] for row in result.terms] == [5, 5]
    assert result.reasons == [None, None]
    assert clean([english.replace(". ", ", ")], spacy_sentences=True, rules=few).reasons == ["too_few_sentences"]


def test_the_law_holds_and_facts_count_every_failure(clean: Any, english: str) -> None:
    outcomes = clean([english, *JUNK.values(), "你好"]).outcomes
    assert all(o.rows_in == o.rows_out + sum(o.dropped.values()) == len(JUNK) + 2 for o in outcomes.values())
    judged = outcomes[JUDGE.name]
    assert sum(judged.facts["failed_rules"].values()) > sum(judged.dropped.values()) == len(JUNK) + 1
    assert judged.facts["languages"]["zh"] == 1


def test_what_the_steps_did_is_told_with_the_text_and_with_the_verdict(clean: Any, english: str) -> None:
    rule = {"name": "shift.v1", "pattern": "night shift", "replace": "shift"}
    texts = [english, f"{english}\u200b", "donâ€™t", f"<article><p>{english}\x07</p></article>"]
    result = clean(texts, formats=[*["text"] * 3, "html"], steps={"invisible.v1": "on"}, rewrites=[rule])
    counted = {
        "num_changed_by.unicode_repair.v1": 1,
        "num_chars_removed_by.unicode_repair.v1": 2,
        "num_changed_by.invisible.v1": 1,
        "num_chars_removed_by.invisible.v1": 1,
        "num_changed_by.rewrites.shift.v1": 3,
        "num_chars_removed_by.rewrites.shift.v1": 3 * len("night "),
    }
    assert result.outcomes[TEXT.name].facts == counted
    assert counted.items() <= result.judged.facts.items()
    assert [row["text"] for row in result.texts[:3]] == [*[english.replace("night shift", "shift")] * 2, "don’t"]


def test_a_rewrite_that_would_empty_most_documents_stops_the_stage(clean: Any) -> None:
    everything = {"name": "everything", "pattern": "(?s).+"}
    with pytest.raises(GuardStop, match=r"rewrites\.everything would leave nothing"):
        clean([f"text {number}" for number in range(20)], rewrites=[everything])


def test_a_step_that_is_switched_off_does_nothing(clean: Any) -> None:
    [row] = clean(["donâ€™t\r"], steps={"unicode_repair.v1": "off"}).texts
    assert row["text"] == "donâ€™t\r"


@pytest.mark.parametrize("rows_in_a_piece", [1, 3, 7])
def test_how_the_input_was_cut_decides_nothing(clean: Any, english: str, chinese: str, rows_in_a_piece: int) -> None:
    page = f"<html><body><article><p>{english}</p></article></body></html>"
    texts = [english, "donâ€™t", page, *JUNK.values(), chinese, "", *CHINESE_JUNK.values(), "版权所有 deep learning"]
    formats = ["text", "text", "html"] + ["text"] * (len(texts) - 3)
    whole, cut = (clean(texts, formats=formats, rows_in_a_piece=n) for n in (100, rows_in_a_piece))
    assert all(whole.table(*file).equals(cut.table(*file)) for file in FILES)
    assert whole.outcomes == cut.outcomes


def test_files_of_other_rows_are_refused(clean: Any, english: str) -> None:
    one, two = clean([english]), clean([english, english])
    inputs = {
        name: result.folders[f"clean.{name}"] for name, result in (("text", two), ("signals", one), ("terms", two))
    }
    with pytest.raises(DataError, match=r"same rows.*signals\.parquet"):
        JUDGE.make(CleanSettings().only(JUDGE.reads), given(**inputs), one.folders["ingest"])


def test_no_documents_give_files_without_rows(clean: Any) -> None:
    result = clean([])
    assert all((o.rows_in, o.rows_out, o.dropped) == (0, 0, {}) for o in result.outcomes.values())
    assert [result.rows(*file) for file in FILES] == [[]] * len(FILES)


def test_the_same_input_gives_the_same_bytes(clean: Any, english: str, chinese: str) -> None:
    first, second = (clean([english, *JUNK.values(), chinese], spacy_sentences=True).folders for _ in range(2))
    for maker, file in FILES:
        assert (first[maker.name] / file).read_bytes() == (second[maker.name] / file).read_bytes()


def test_the_ledger_holds_decisions_alone(clean: Any, english: str) -> None:
    assert pq.read_schema(clean([english]).folders[JUDGE.name] / "ledger.parquet").equals(LEDGER_SCHEMA)


@pytest.mark.parametrize("awkward", ["", "\x00", "w" * 100_000, "🙂" * 1000, "\n" * 1000, "。" * 1000, "\ufffd"])
def test_awkward_text_is_judged_like_any_other(clean: Any, english: str, awkward: str) -> None:
    result = clean([awkward, english], languages=None)
    assert result.reasons[0] is not None
    assert result.reasons[1] is None


def test_stage_is_light_to_import() -> None:
    heavy = ["numpy", "pyarrow", "numba", "spacy", "trafilatura", "ftfy", "py3langid", "torch", "mlflow"]
    code = f"import sys, pipeline_lib.clean.stage; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_output_is_that_of_this_version(clean: Any, english: str, chinese: str) -> None:
    page = f"<html><body><article><p>{english}</p></article></body></html>"
    texts = [english, chinese, "donâ€™t\r\n" + english, page, *JUNK.values(), *CHINESE_JUNK.values()]
    formats = ["text", "text", "markdown", "html"] + ["text"] * (len(texts) - 4)
    result = clean(texts, formats=formats, spacy_sentences=True)
    found: dict[str, dict[str, str]] = {maker.id: {} for maker in MAKERS if maker.only_with is None}
    for maker, file in FILES:
        content = json.dumps(result.rows(maker, file), ensure_ascii=False, sort_keys=True)
        found[maker.id][file] = hashlib.sha256(content.encode()).hexdigest()
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8")), (
        "clean puts out something else than before: raise the version of the maker in pipeline_lib/clean/stage.py "
        "(what follows from it is then made again), and put the new digest into golden.json"
    )
