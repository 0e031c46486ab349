"""`words = "spacy"`: the decisions are those of datatrove 0.10.1's filters with their default parameters."""

import json
from collections.abc import Mapping, Sequence
from io import TextIOWrapper

import numpy as np
import pyarrow as pa
import zstandard

from pipeline_lib.clean.datatrove import datatrove_signals
from pipeline_lib.clean.judge import Languages, rule_criteria
from pipeline_lib.clean.kernel import SIGNALS
from pipeline_lib.clean.rule_sets.c4 import C4
from pipeline_lib.clean.rule_sets.fineweb import FINEWEB
from pipeline_lib.clean.rule_sets.gopher import GOPHER
from pipeline_lib.clean.rules import RULE_BY_NAME
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.signal_groups import GROUPS
from tests.texts_of_others import DATA, needs_texts_of_others

ALL_SIGNALS = [*SIGNALS, *(name for group in GROUPS for name in group.signals)]
FILTERS = {  # the rules that are what a filter asks
    "gopher_quality": [name for name in GOPHER.limits if not name.startswith(("max_duplicate", "max_top"))],
    "gopher_repetition": [name for name in GOPHER.limits if name.startswith(("max_duplicate", "max_top"))],
    "c4_quality": list(C4.limits),
    "fineweb_quality": list(FINEWEB.limits),
}
# datatrove's parameters, as limits of ours.
PARAMETERS = {
    "min_doc_words": "min_words.v1",
    "max_doc_words": "max_words.v1",
    "line_punct_thr": "min_terminal_lines.v1",
}
OTHER_LIMITS = {"short_line_thr": "max_short_lines.v1", "new_line_ratio": "max_newlines.v1"}


def measured(text: str) -> dict[str, float]:
    return {name: float(values[0]) for name, values in datatrove_signals([text], asked=ALL_SIGNALS).items()}


def failed(texts: Sequence[str], rules: Mapping[str, object] | None = None) -> list[set[str]]:
    """The rules that each text fails."""
    settings = CleanSettings(rule_set=["gopher", "c4", "fineweb"], rules=rules or {}, words="spacy")
    found = datatrove_signals(texts, asked=ALL_SIGNALS)
    criteria = rule_criteria(settings.rules, found, Languages.of(pa.chunked_array([["en"] * len(texts)])))
    return [{criterion.name for criterion in criteria if criterion.fails[row]} for row in range(len(texts))]


def test_each_sign_is_a_word_to_spacy_and_no_word_to_gopher() -> None:
    found = measured("Don't stop, Ann (yet)...")  # Do n't stop , Ann ( yet ) ...
    assert found["num_words"] == 5
    assert found["mean_word_length"] == (2 + 3 + 4 + 3 + 3) / 5
    assert found["alpha_word_share"] == 5 / 9
    assert found["ellipses_per_word"] == 1 / 9


def test_stop_words_count_in_small_letters_and_once() -> None:
    assert measured("The cat and the dog and THE bird")["num_stop_words"] == 2


def test_blank_lines_are_lines_to_gopher_and_none_to_fineweb() -> None:
    found = measured("- one\n\n- two.\n")
    assert found["bullet_line_share"] == 2 / 3
    assert found["terminal_line_share"] == 1 / 2
    assert found["newlines_per_word"] == 3 / 5  # - one - two .


def test_repeated_lines_are_weighed_by_all_characters() -> None:
    found = measured("ab cd\nab cd\nx\n\nx")  # 16 characters, 4 of them line ends
    assert found["duplicate_line_share"] == 2 / 4
    assert found["duplicate_line_char_share"] == 6 / 16
    assert found["repeated_line_char_share"] == 6 / 12
    assert found["duplicate_paragraph_share"] == 0


def test_runs_of_words_are_joined_as_datatrove_joins_them() -> None:
    assert measured("ab cd x ab cd y ab cd")["top_2_gram_char_share"] == 3 * 5 / 21  # with the blank in it
    assert measured("ab cd")["top_2_gram_char_share"] == 1  # also where it comes once
    assert measured("a b c d e a b c d e")["duplicate_5_gram_char_share"] == 5 / 19
    assert measured("a b c d ef x a b c de f")["duplicate_5_gram_char_share"] == 6 / 23  # borders of words are not seen


def test_c4_looks_at_lines_that_it_keeps() -> None:
    lines = [
        "Here is a whole sentence. And one more.",
        "No end {here}",
        "Look at javascript {here}.",
        "See [1] the note.[2]",
    ]
    found = measured("\n".join(lines))
    assert (found["num_kept_sentences"], found["curly_braces_per_word"]) == (3, 0)
    assert measured("This {is} a line.")["curly_braces_per_word"] > 0
    assert measured("Lorem ipsum and so on, javascript.")["num_lorem_ipsum"] == 1
    assert measured("Lorem ipsum and so on")["num_lorem_ipsum"] == 0


def test_what_nobody_asks_for_is_not_counted() -> None:
    assert datatrove_signals(["text"], asked=["num_words"]).keys() == {"num_words"}


def test_other_signals_stay_as_they_are(clean: object) -> None:
    own, theirs = (clean(["Ab, cd."], words=words).signals[0] for words in ("whitespace", "spacy"))  # type: ignore[operator]
    assert own.keys() == theirs.keys()
    assert (own["num_chars"], own["language"]) == (theirs["num_chars"], theirs["language"])
    assert own["alpha_word_share"] == 1 != theirs["alpha_word_share"] == 0.5


def test_a_text_is_judged_as_english_whatever_it_is_in(clean: object) -> None:
    german = "Wenn die Nacht kommt, beginnt die Arbeit, und am Morgen liegt das Ergebnis auf dem Tisch. " * 6
    names = [
        {entry["rule"] for entry in clean([german], rule_set="gopher", words=words, languages=None).ledger[0]["failed"]}  # type: ignore[operator]
        for words in ("whitespace", "spacy")
    ]
    assert "min_stop_words.v1" not in names[0] and "min_stop_words.v1" in names[1]


@needs_texts_of_others("the tests above hold what each filter counts")
def test_decisions_are_datatroves_on_real_pages() -> None:
    with (DATA / "filter_conformance" / "datatrove_reference_decisions.jsonl.zst").open("rb") as packed:
        stream = TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), encoding="utf-8")
        rows = [json.loads(line) for line in stream]
    found = failed([row["text"] for row in rows])
    for name, rules in FILTERS.items():
        ours = np.array([not one.intersection(rules) for one in found])
        theirs = np.array([row["reference"][name]["keep"] for row in rows])
        assert 0 < theirs.sum() < len(rows)
        assert np.mean(ours == theirs) >= 0.995, name


@needs_texts_of_others("the tests above hold what each filter counts")
def test_decisions_are_datatroves_on_its_own_cases() -> None:
    lines = (DATA / "filter_conformance" / "datatrove_unit_cases.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [case for case in map(json.loads, lines) if case["filter"] in FILTERS]
    known = PARAMETERS | OTHER_LIMITS | {"short_line_length": ""}  # that one is 30 in all of them
    assert len(cases) >= 20 and {name for case in cases for name in case["params"]} <= known.keys()
    for case in cases:
        limits = {known[name]: value for name, value in case["params"].items() if known[name]}
        rules = {name: {RULE_BY_NAME[name].bound: value} for name, value in limits.items()}
        (found,) = failed([case["text"]], rules)
        if case["text"]:  # of nothing there is nothing to judge: Gopher's and C4's rules drop it
            assert (not found.intersection(FILTERS[case["filter"]])) is case["keep"], case
