"""Patterns of tokens: what spaCy's own ruler counts, read only where a text may hold one."""

import random
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline_lib.clean.settings import CleanSettings, EntityRule
from pipeline_lib.clean.terms import count_terms, may_hold_a_pattern, read
from pipeline_lib.clean.token_patterns import literals_of

GPT = [{"LOWER": "gpt"}, {"TEXT": "-", "OP": "?"}, {"IS_DIGIT": True}]
YEAR = [{"TEXT": {"IN": ["第", "年"]}}, {"LIKE_NUM": True}]
CALL = [{"LOWER": {"IN": ["call", "calls", "called"]}}, {"OP": "{0,2}"}, {"LOWER": "now"}]
ARTICLE = [{"TEXT": "第"}, {"TEXT": {"NOT_IN": ["条"]}, "OP": "{1,4}"}, {"TEXT": "条"}]


def _rule(label: str, *patterns: list[dict[str, Any]], terms: tuple[str, ...] = ()) -> EntityRule:
    return EntityRule(label=label, terms=terms, patterns=patterns)


def _counted(rules: tuple[EntityRule, ...], *texts: str, language: str = "en") -> dict[str, list[int]]:
    settings = CleanSettings(entity_rules=rules, entity_limits={})
    table = count_terms(settings, pa.array(texts, pa.large_string()), pa.array([language] * len(texts), pa.string()))
    return {name: table[name].to_pylist() for name in table.column_names[1:]}


def test_patterns_are_counted_in_each_language() -> None:
    model, article = _rule("MODEL", GPT), _rule("ARTICLE", ARTICLE)
    assert _counted((model,), "GPT 4 and gpt - 3", "a gpt of ours", "", "Gpt 4\nGPT\n4") == {"num_model": [2, 0, 0, 1]}
    assert _counted((article,), "第十二条和第三条", "第条", "十二条", language="zh") == {"num_article": [2, 0, 0]}


def test_a_pattern_and_a_term_that_lie_over_each_other_count_as_the_longest() -> None:
    rules = (_rule("CALL", CALL), _rule("TERM", terms=("order now", "now")))
    assert _counted(rules, "Call us right now. Order now, now.", "now and now") == {
        "num_call": [1, 0],
        "num_term": [2, 2],
    }


def test_a_text_is_read_where_it_may_hold_one() -> None:
    texts = pa.array(["nothing", "a GPT", "第 1"], pa.large_string())
    assert may_hold_a_pattern(texts, [_rule("A", GPT), _rule("B", YEAR)]).tolist() == [False, True, True]
    assert may_hold_a_pattern(texts, [_rule("A", GPT, [{"IS_DIGIT": True}])]).tolist() == [True] * 3
    assert may_hold_a_pattern(texts, [_rule("A", terms=("ab",))]).tolist() == [False] * 3


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        (GPT, ("gpt",)),
        (YEAR, ("第", "年")),
        (CALL, ("call", "calls", "called")),
        ([{"LOWER": "a", "OP": "?"}, {"TEXT": "bc"}, {"TEXT": "d"}], ("bc",)),
        ([{"LOWER": "ab", "OP": "{0,2}"}, {"LOWER": "c"}], ("c",)),
        ([{"LOWER": "i\u0307stanbul"}], ()),  # how "İ" is in small letters
        ([{"LOWER": "straße"}], ()),  # letters whose lower case an expression may not know
        ([{"LOWER": "ab", "OP": "!"}, {"IS_DIGIT": True}], ()),
        ([{"NORM": "not"}], ()),  # stands otherwise in the text
    ],
)
def test_the_word_that_a_text_has_to_hold_is_the_longest_that_must_come(pattern: Any, literals: Any) -> None:
    (made,) = _rule("X", pattern).patterns
    assert literals_of(made) == literals


def test_what_is_counted_is_what_spacy_counts_where_it_reads_all() -> None:
    dice = random.Random(11)
    pieces = [
        "GPT",
        "gpt-4",
        "4",
        "-",
        "call",
        "Called",
        "us",
        "now",
        "now.",
        "第",
        "三",
        "十",
        "条",
        "年",
        "\n",
        "can't",
        "NOW",
    ]
    rules = (_rule("MODEL", GPT), _rule("CALL", CALL, YEAR, terms=("us now",)), _rule("ARTICLE", ARTICLE))
    found_some = set()
    for language in ("en", "zh"):
        texts = [dice.choice(("", " ")).join(dice.choices(pieces, k=dice.randint(0, 60))) for _ in range(120)]
        found = [one.num_by_label for one in read(texts, language, rules, sentences=False)]
        expected = {f"num_{rule.label.lower()}": [counts.get(rule.label, 0) for counts in found] for rule in rules}
        assert _counted(rules, *texts, language=language) == expected
        found_some |= {name for name, numbers in expected.items() if any(numbers)}
    assert len(found_some) == len(rules)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "neither terms nor patterns"),
        ({"patterns": [[{"POS": "NOUN"}]]}, "Extra inputs"),
        ({"patterns": [[]]}, "at least 1"),
        ({"patterns": [[{}]]}, "fits everywhere"),
        ({"patterns": [[{"LOWER": "a", "OP": "?"}]]}, "fits everywhere"),
        ({"patterns": [[{"LOWER": "a", "OP": "{0,3}"}, {}]]}, "fits everywhere"),
        ({"patterns": [[{"LOWER": "a"}, {"OP": "*"}]]}, r'have no end: write "\{1,10\}"'),
        ({"patterns": [[{"LOWER": "a", "OP": "+"}]]}, "have no end"),
        ({"patterns": [[{"LOWER": "a", "OP": "{3,2}"}]]}, "at most 20 times, the fewest first"),
        ({"patterns": [[{"LOWER": "a", "OP": "{99}"}]]}, "at most 20 times"),
        ({"patterns": [[{"LOWER": {"REGEX": "a"}}]]}, "Extra inputs"),
        ({"patterns": [[{"LOWER": "a"}, *[{"OP": "?"}] * 7]]}, "in 128 numbers, 64 at most"),
        ({"patterns": [[{"LOWER": "a", "OP": "{00,2}"}]]}, "have no end"),
        ({"patterns": [[{"LOWER": "GPT"}]]}, "compared in small letters, 'gpt'"),
        ({"patterns": [[{"LOWER": {"IN": ["a", "Bc"]}}]]}, "'Bc' never comes"),
        ({"patterns": [[{"TEXT": "two words"}]]}, "never one token"),
        ({"patterns": [[{"PREFIX": "ab"}]]}, "1 characters at most"),
        ({"patterns": [[{"LOWER": {}}]]}, "IN or NOT_IN"),
        ({"patterns": [[{"LENGTH": 0}]]}, "greater than or equal to 1"),
    ],
)
def test_a_pattern_that_cannot_be_honoured_is_refused(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        EntityRule(label="X", **rule)


def test_time_grows_with_the_text_alone_whatever_may_be_missing() -> None:
    """Left to itself spaCy's Matcher would need hours for this: it doubles with each token that may be missing."""
    pattern = [{"LOWER": "foo"}, {"IS_ALPHA": True, "OP": "{1,8}"}, {"IS_ALPHA": True, "OP": "{1,8}"}]
    text = "foo " + "a " * 20_000
    assert _counted((_rule("X", pattern),), text) == {"num_x": [1]}


def test_a_dotted_capital_i_is_found_by_its_small_letters() -> None:
    assert _counted((_rule("CITY", [{"LOWER": "i\u0307stanbul"}]),), "İstanbul is large", "istanbul") == {
        "num_city": [1, 0]
    }
