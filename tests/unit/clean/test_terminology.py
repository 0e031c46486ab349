"""The terms of a user's list: found, kept out of steps, counted, and handed to the tokenizer."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.stage import TERMS, TEXT
from pipeline_lib.clean.steps import STEPS
from pipeline_lib.clean.steps.apply import changed_texts
from pipeline_lib.clean.steps.unicode_repair import STEP as REPAIR
from pipeline_lib.clean.terminology import STAND_INS, Terminology, added
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import AllSettings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.tokenize.works import learn_work
from tests.unit.clean.conftest import Clean
from tests.unit.clean.steps.conftest import all_off_but

EDIT_TERM, TAG_TERM = "Foo [edit] bar", "List<b>"

# For each step that may change what is inside of a term: a term, and a text in which the step has something else to do.
INSIDE: dict[str, tuple[str, str, str]] = {
    "tags.v1": (TAG_TERM, "A <i>new</i> List<b> came", "A new List<b> came"),
    "wiki_residue.v1": (EDIT_TERM, "Title [edit]\nFoo [edit] bar is here", "Title \nFoo [edit] bar is here"),
    "full_width.v1": ("ＡＢＣ型", "ＸＹ和ＡＢＣ型", "XY和ＡＢＣ型"),
    "invisible.v1": ("soft\u00adware", "a\u00adb soft\u00adware", "ab soft\u00adware"),
    "tracking.v1": ("https://a.example/?utm_source=b", "https://c.example/?utm_source=d https://a.example/?utm_source=b",
                    "https://c.example/ https://a.example/?utm_source=b"),
    "rewrites.v1": ("Foo Fighters", "Foo met the Foo Fighters", "Quux met the Foo Fighters"),
    "boilerplate.v1": ("Cookie Policy", "Cookie Policy\nA long text about ships and the sea goes here.\nPrivacy Policy",
                       "Cookie Policy\nA long text about ships and the sea goes here."),
    "own_lines.v1": ("back to work", "back to work\nA long text about ships and the sea.\nback to sea",
                     "back to work\nA long text about ships and the sea."),
    "blank_runs.v1": ("a  b", "c  d and a  b", "c d and a  b"),
    "blank_lines.v1": ("end of line", "end of line  \n\n\n\nx", "end of line\n\nx"),
}  # fmt: skip
BESIDE: dict[str, dict[str, Any]] = {
    "rewrites.v1": {"rewrites": ({"name": "a", "pattern": "Foo", "replace": "Quux"},)},
    "own_lines.v1": {"boilerplate_lines": ("back to work", "back to sea"), "max_boilerplate_share": 1.0},
    "boilerplate.v1": {"max_boilerplate_share": 1.0},
}


def _through(text: str, name: str, *terms: str, **settings: Any) -> tuple[str, int]:
    """The text behind a step that is kept out of terms, and how many texts were spared."""
    own = CleanSettings(steps=all_off_but(name), terminology=terms, **BESIDE.get(name, {}), **settings)
    after, counts = changed_texts(own, pa.array([text], pa.large_string()))
    return after[0].as_py(), sum(count.num_spared for count in counts.values())


def test_every_step_but_the_repair_has_a_term_that_it_is_kept_out_of() -> None:
    assert {step.name for step in STEPS} - {REPAIR.name} == INSIDE.keys()


@pytest.mark.parametrize("name", INSIDE)
def test_a_step_does_its_work_and_leaves_terms_as_they_are(name: str) -> None:
    term, text, expected = INSIDE[name]
    assert _through(text, name, term)[0].rstrip("\n") == expected
    without = _through(text, name)[0]
    if name != "blank_lines.v1":  # it works between lines alone
        assert term not in without.split("\n") and without != expected


def test_a_rule_that_would_take_a_term_with_it_is_not_let_at_the_text() -> None:
    rule = {"rewrites": ({"name": "all", "pattern": "from .* to", "replace": ""},)}
    own = CleanSettings(terminology=("night shift",), **rule)
    texts = pa.array(["from the night shift to day, from a to b", "x from here to there"], pa.large_string())
    after, counts = changed_texts(own, texts)
    assert after.to_pylist() == [texts[0].as_py(), "x  there"]
    assert counts["rewrites.all"].num_spared == 1


def test_a_text_that_has_every_sign_that_may_stand_for_a_term_stays_as_it_is() -> None:
    text = "".join(STAND_INS) + " Foo met the Foo Fighters"
    assert _through(text, "rewrites.v1", "Foo Fighters") == (text, 1)
    assert _through(text[1:], "rewrites.v1", "Foo Fighters") == (text[1:].replace("Foo met", "Quux met"), 0)


def test_the_repair_works_in_terms_too() -> None:
    assert _through("cafe\u0301 bar\x00", REPAIR.name, "café bar") == ("café bar", 0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("GPU, GPUs, aGPU, GPU-like, GPU_x GPU", {"GPU": (3, 1)}),
        ("gpu", {}),
        ("大语言模型和语言模型", {"大语言模型": (1, 1), "语言模型": (1, 1)}),
        ("language model zoo", {"language model": (1, 1)}),
        ("model zoo of a language", {"model zoo": (1, 1)}),
        ("用GPU算", {"GPU": (1, 1)}),
        ("C++ C++x xC++", {"C++": (2, 1)}),
    ],
)
def test_terms_are_found_as_they_are_written_and_not_inside_of_words(text: str, found: dict[str, Any]) -> None:
    terms = Terminology.of(("GPU", "大语言模型", "语言模型", "language model", "model zoo", "C++"))
    assert terms.counted(pa.array(["nothing", text], pa.large_string())) == found


def test_counts_of_two_pieces_are_added() -> None:
    assert added({"a": (2, 1)}, {"a": (1, 1), "b": (3, 2)}) == {"a": (3, 2), "b": (3, 2)}


def test_a_shard_says_how_often_its_terms_come(clean: Clean, english: str) -> None:
    texts = [english, "The night shift.\nNo night shift, no day shift.", ""]
    result = clean(texts, terminology=("night shift", "day shift", "sea"), rows_in_a_piece=1)
    told = json.loads((result.folders[TERMS.name] / "terminology.json").read_text(encoding="utf-8"))
    assert told == {"day shift": [1, 1], "night shift": [3, 2]}
    assert not (clean(texts).folders[TERMS.name] / "terminology.json").exists()


def test_a_file_and_a_list_are_one_list_in_whatever_order(tmp_path: Path) -> None:
    file = tmp_path / "terms.txt"
    file.write_text("\ufeffneural net\r\n\n  大语言模型 \nneural net\n", encoding="utf-8")
    both = CleanSettings(terminology=("zebra",), terminology_file=file)
    assert both.terminology == ("neural net", "zebra", "大语言模型")
    assert both.decisive() == CleanSettings(terminology=("大语言模型", "zebra", "neural net")).decisive()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe", "is not UTF-8, at byte 1. Save it"), (None, "cannot be read: No such file"), (b"a\n", "at least 2")],
)
def test_a_file_that_is_no_list_of_terms_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "terms.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        CleanSettings(terminology_file=file)


@pytest.mark.parametrize("term", [" a b", "cafe\u0301", "a\x00b", "a\rb"])
def test_a_term_that_no_repaired_text_holds_is_refused(term: str) -> None:
    with pytest.raises(ValueError, match="is never found in a repaired text"):
        CleanSettings(terminology=(term,))


def _named(**given: Any) -> dict[str, Any]:
    return CleanSettings(**given).decisive(TEXT.reads)


def test_a_list_that_no_step_is_kept_out_of_renames_no_text() -> None:
    assert _named(terminology=("ab",)) == _named()
    on = {"steps": {"full_width.v1": True}}
    assert _named(terminology=("ab",), **on) != _named(**on)
    assert CleanSettings(terminology=("ab",)).decisive(TERMS.reads)["terminology"] == ["ab"]


def test_the_tokenizer_is_another_one_where_there_is_a_list_and_only_there() -> None:
    settings: Settings = AllSettings()
    before = learn_work(settings, Ref("tokenize", "0" * 32))
    assert before.fingerprint == learn_work(settings, Ref("tokenize", "0" * 32), ()).fingerprint
    with_terms = learn_work(settings, Ref("tokenize", "0" * 32), ("b c", "a b"))
    assert with_terms.fingerprint != before.fingerprint
    assert with_terms.decisive["domain_terms"] == ["a b", "b c"]


def test_more_terms_than_the_vocabulary_has_room_for_are_refused() -> None:
    settings = AllSettings.model_validate({"tokenize": {"vocab_size": 512, "domain_terms": ["ab"]}})
    learn_work(settings, Ref("tokenize", "0" * 32), [f"t{n}" for n in range(253)])
    with pytest.raises(SettingsError, match=r"254 terms.*no room in tokenize.vocab_size = 512"):
        learn_work(settings, Ref("tokenize", "0" * 32), [f"t{n}" for n in range(254)])
