"""The stage from file to file."""

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline_lib.clean import stage
from pipeline_lib.store.schemas import LEDGER_SCHEMA

GOLDEN = Path(__file__).with_name("golden.json")
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
    assert [(row["text"], row["language"]) for row in result.documents] == [(english, "en"), (chinese, "zh")]
    assert result.outcome.dropped == {}
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
    assert clean([german], languages=("de",)).documents[0]["language"] == "de"


def test_html_becomes_text_and_a_page_without_text_is_dropped(clean: Any, english: str) -> None:
    page = f"<html><body><article><p>{english}</p><p>{english.swapcase()}</p></article></body></html>"
    result = clean([page, "<script>1</script>"], formats=["html", "html"], rules={"max_top_2_gram.v1": "off"})
    assert result.reasons == [None, "no_text_in_html"]
    assert [row["format"] for row in result.documents] == ["text"]
    assert result.documents[0]["text"].startswith("The night shift begins")
    assert result.ledger[1]["failed"] == [{"rule": "html", "value": None, "limit": None}]
    assert result.ledger[1]["num_words"] is None


def test_a_page_with_too_many_tags_is_dropped_unread(clean: Any) -> None:
    result = clean(["<b>x</b>" * 501], formats=["html"], max_html_tags=1000)
    assert result.reasons == ["html_too_large"]
    assert result.ledger[0]["failed"] == [{"rule": "max_html_tags", "value": 1002, "limit": 1000}]


def test_markdown_stays_as_it_is(clean: Any, english: str) -> None:
    text = f"# Night\n\n{english}\n\n- *one*\n- `two`\n"
    [document] = clean([text], formats=["markdown"]).documents
    assert (document["format"], document["text"]) == ("markdown", text)


def test_terms_are_counted_and_too_many_drop_if_asked(clean: Any, english: str, chinese: str) -> None:
    rule = {"label": "PLACE", "terms": ["ledger", "账本"]}
    texts = [english, chinese, "nothing"]
    counted = clean(texts, entity_rules=[rule])
    assert [row["num_place"] for row in counted.ledger] == [1, 1, None]
    assert counted.outcome.facts["entities"] == {"PLACE": 2}
    assert [row["num_sentences"] for row in counted.ledger] == [None] * 3
    assert clean(texts, entity_rules=[{**rule, "at_most": 1}]).reasons == [None, None, "too_few_characters"]
    judged = clean(texts, entity_rules=[{**rule, "at_most": 0}])
    assert judged.reasons == ["too_many_place", "too_many_place", "too_few_characters"]
    assert judged.ledger[0]["failed"] == [{"rule": "entity_rules.PLACE", "value": 1, "limit": 0}]


def test_sentences_are_counted_when_asked(clean: Any, english: str, chinese: str) -> None:
    few = {"min_sentences.v1": {"at_least": 5}}
    result = clean([english, chinese], spacy_sentences=True, rules=few)
    assert [row["num_sentences"] for row in result.ledger] == [5, 5]
    assert result.reasons == [None, None]
    assert clean([english.replace(". ", ", ")], spacy_sentences=True, rules=few).reasons == ["too_few_sentences"]


def test_the_law_holds_and_facts_count_every_failure(clean: Any, english: str) -> None:
    outcome = clean([english, *JUNK.values(), "你好"]).outcome
    assert outcome.rows_in == outcome.rows_out + sum(outcome.dropped.values()) == len(JUNK) + 2
    assert sum(outcome.facts["failed_rules"].values()) > sum(outcome.dropped.values())
    assert outcome.facts["languages"]["zh"] == 1


def test_no_documents_give_empty_files(clean: Any) -> None:
    result = clean([])
    assert (result.outcome.rows_in, result.documents, result.ledger) == (0, [], [])


def test_the_same_input_gives_the_same_bytes(clean: Any, english: str, chinese: str) -> None:
    first, second = (clean([english, *JUNK.values(), chinese], spacy_sentences=True).folder for _ in range(2))
    for name in ("documents.parquet", "ledger.parquet"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_the_ledger_begins_with_the_columns_of_its_schema(clean: Any, english: str) -> None:
    schema = pq.read_schema(clean([english]).folder / "ledger.parquet")
    assert schema.names[:5] == [*LEDGER_SCHEMA.names, "language"]
    assert all(schema.field(field.name).equals(field) for field in LEDGER_SCHEMA)


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
    content = json.dumps([result.documents, result.ledger], ensure_ascii=False, sort_keys=True)
    found = {"version": stage.VERSION, "digest": hashlib.sha256(content.encode()).hexdigest()}
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8")), (
        "clean puts out something else than before: bump VERSION in pipeline_lib/clean/stage.py (all documents are "
        "then cleaned again), and put the new value into golden.json"
    )
