"""`nightshift try`: the same of one document that a night does, and nothing is kept."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from pipeline_lib.clean.rule_sets import SET_BY_NAME
from pipeline_lib.clean.rules import RULE_BY_NAME
from pipeline_lib.past.ledger import why
from tests.labelled import labelled_text, write_examples, write_reference, write_word_list
from tests.made_judgments import US, told
from tests.tiny_night import chinese, english
from tests.unit.flows.conftest import Nights

SET, REFINEDWEB = SET_BY_NAME["refinedweb"], ("--clean.rule_set", "refinedweb")
Captured = pytest.CaptureFixture[str]
PAGE = f"<!doctype html><html><body><nav>Home</nav><article><p>{english(70)}</p></article></body></html>"


def tried(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["try", *words])
    return int(left.value.code or 0)


def as_data(capsys: Captured, *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert tried(*words, "--json") == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


def test_each_document_of_a_night_gets_the_verdict_and_the_figures_that_the_night_gave(
    nights: Nights, capsys: Captured
) -> None:
    lines = (nights.corpus / "a.jsonl").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        name = json.loads(line)["id"]
        said = as_data(capsys, str(nights.corpus / "a.jsonl"), "--record", str(number))
        (story,) = why(nights.workspace, f"a.jsonl#{name}")
        clean = next(decision for decision in story.decisions if decision.stage == "clean")
        assert said["reason"] == clean.reason
        failed = [(one["name"], one["value"], one["limit"]) for one in said["questions"] if one["is_failed"]]
        assert failed == [(one["rule"], one["value"], one["limit"]) for one in clean.failed]
        assert said["language"] == clean.facts["language"]


def test_what_is_personal_is_counted_and_replaced(nights: Nights, capsys: Captured) -> None:
    place = str(nights.corpus / "b.jsonl")
    said = as_data(capsys, place)
    assert said["found"]["email"] == 1 and "reader@example.com" not in said["scrubbed"]
    assert tried(place) == 0
    page = capsys.readouterr().out
    assert "found: email 1" in page and "-Write to reader@example.com now." in page
    assert page.rstrip().endswith("kept, unless dedup finds it elsewhere")
    assert tried(place, "--text") == 0
    text = capsys.readouterr().out
    assert text.startswith(english(50)) and "<EMAIL_" in text


def test_a_page_shows_its_text_and_a_dropped_one_its_rule(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.html").write_text(PAGE, encoding="utf-8")
    assert tried(str(tmp_path / "a.html")) == 0
    page = capsys.readouterr().out
    assert f"{len(english(70)):,} characters of text of {len(PAGE):,} characters with" in page
    assert english(70)[:60] in page
    assert tried(str(tmp_path / "a.html"), "--clean.rules.min_words.v1.at_least", "9000") == 0
    page = capsys.readouterr().out
    assert "at least 9,000" in page and page.rstrip().endswith("dropped: too_few_words")
    assert "scrub" not in page


@pytest.mark.parametrize(("data", "form"), [(PAGE, "html"), (english(71), "text"), (f"\n {PAGE}", "html")])
def test_standard_input_is_a_page_or_a_text(
    data: str, form: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data.encode()), encoding="utf-8"))
    said = as_data(capsys, "-")
    assert (said["form"], said["reason"]) == (form, None)


def test_rules_that_are_for_others_are_not_asked(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.txt").write_text(" ".join(["The harbour of the old town keeps a book of the ships."] * 40))
    asked = {one["name"]: one for one in as_data(capsys, str(tmp_path / "a.txt"))["questions"]}
    of_characters, of_words = asked["max_duplicate_10_grams_of_characters.v1"], asked["max_duplicate_10_grams.v1"]
    assert of_characters["value"] == of_words["value"] > 0.9
    assert not of_characters["is_asked"] and of_words["is_asked"] and of_words["is_failed"]


def test_the_limits_are_those_of_the_chosen_set(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.txt").write_text("SIGN IN HERE\n" * 3 + english(74), encoding="utf-8")
    asked = {one["name"]: one for one in as_data(capsys, str(tmp_path / "a.txt"), *REFINEDWEB)["questions"]}
    assert [name for name in asked if ".v" in name] == [name for name in RULE_BY_NAME if name in SET.limits]
    assert {name: asked[name]["limit"] for name in SET.limits} == SET.limits
    assert 0 < asked["max_noise_lines.v1"]["value"] < 1
    assert tried(str(tmp_path / "a.txt"), *REFINEDWEB) == 0
    assert "max_noise_lines.v1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "data", "words", "said"),
    [
        ("a.png", b"x", (), "no reader takes a file of the kind '.png'. Those there are: .txt, "),
        ("a.jsonl", b'{"text": "a', (), "a.jsonl:1: invalid JSON: it never becomes a document."),
        ("a.jsonl", b'{"text": "a"}', ("--record", "2"), "a.jsonl: has less than 2 records."),
        ("a.txt", b"", (), "a.txt: empty file: it never becomes a document."),
    ],
)
def test_what_is_no_document_is_said(
    tmp_path: Path, capsys: Captured, name: str, data: bytes, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / name).write_bytes(data)
    assert tried(str(tmp_path / name), *words) == 2
    assert said in capsys.readouterr().err


def test_a_missing_file_is_said(tmp_path: Path, capsys: Captured) -> None:
    assert tried(str(tmp_path / "no.txt")) == 2
    assert "no.txt: there is no such file." in capsys.readouterr().err


def test_the_fields_of_the_source_in_which_a_file_lies_count(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({"body": english(72), "head": "T"}), encoding="utf-8")
    source = {"kind": "files", "name": "b", "path": str(tmp_path), "text_field": "body", "title_field": "head"}
    other = {"kind": "files", "name": "a", "path": str(tmp_path / "other")}
    said = as_data(capsys, str(tmp_path / "a.jsonl"), "--ingest.sources", json.dumps([other, source]))
    assert (said["raw"], said["told"]) == (english(72), {"title": "T"})


def test_a_file_in_a_folder_of_judgments_is_read_with_what_it_says_of_itself(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.txt").write_text(f"{US}\n{english(72)}", encoding="utf-8")
    files = {"kind": "files", "name": "a", "path": str(tmp_path / "other")}
    judgments = {"kind": "judgments", "name": "b", "path": str(tmp_path)}
    asked = (str(tmp_path / "a.txt"), "--ingest.sources")
    assert as_data(capsys, *asked, json.dumps([files, judgments]))["told"] == told(US)
    assert as_data(capsys, *asked, json.dumps([files]))["told"] == {}


def test_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(english(73), encoding="utf-8")
    assert tried("a.txt") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_each_step_and_each_rewrite_shows_what_it_changed(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.txt").write_text(f"{english(74)}\nin\u200bvisible Foo\x07\n", encoding="utf-8")
    rules = [{"name": "foo.v1", "pattern": "Foo", "replace": "Quux"}, {"name": "all", "pattern": "(?s).+"}]
    words = (str(tmp_path / "a.txt"), "--clean.rewrites", json.dumps(rules), "--clean.steps.invisible.v1", "on")
    assert tried(*words) == 0
    page = capsys.readouterr().out
    assert [line.strip() for line in page.splitlines() if line.startswith("  ") and ": " in line][:4] == [
        "unicode_repair.v1: 1 character less",
        "invisible.v1: 1 character less",
        "rewrites.foo.v1: 1 character more",
        "rewrites.all: would leave nothing of the text, or far too much: it stays as it was",
    ]
    assert "-in<U+200B>visible Foo<U+0007>\n" in page and "+in<U+200B>visible Foo\n" in page
    assert "-invisible Foo" in page and "+invisible Quux" in page
    steps = {one["name"]: one for one in as_data(capsys, *words)["steps"]}
    assert steps["rewrites.foo.v1"]["before"].endswith("invisible Foo\n")
    assert steps["rewrites.foo.v1"]["after"].endswith("invisible Quux\n")
    assert [name for name, one in steps.items() if one["is_spared"]] == ["rewrites.all"]


def test_a_step_that_changes_no_length_says_so(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.txt").write_text(f"{english(76)} Ａ９", encoding="utf-8")
    assert tried(str(tmp_path / "a.txt"), "--clean.steps.full_width.v1", "on") == 0
    assert "  full_width.v1: as long as before\n" in capsys.readouterr().out


def test_steps_that_had_nothing_to_do_are_named_in_one_line(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.txt").write_text(english(75), encoding="utf-8")
    assert tried(str(tmp_path / "a.txt"), "--clean.steps.invisible.v1", "on") == 0
    assert "  nothing to do for unicode_repair.v1, invisible.v1\n" in capsys.readouterr().out


def test_a_model_is_asked_too_with_its_own_bound(tmp_path: Path, capsys: Captured) -> None:
    models = json.dumps([write_examples(tmp_path / "examples", at_least=0.5)])
    (tmp_path / "a.txt").write_text(labelled_text(1_000, is_wanted=False), encoding="utf-8")
    said = as_data(capsys, str(tmp_path / "a.txt"), "--clean.models", models)
    (asked,) = (one for one in said["questions"] if one["name"] == "models.sea")
    assert asked["is_failed"] and asked["value"] < asked["limit"] == 0.5 and asked["reason"] == "low_sea"
    assert tried(str(tmp_path / "a.txt"), "--clean.models", models) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if "models.sea" in line)
    assert "at least 0.5" in line


def test_an_n_gram_model_and_a_list_are_asked_too_and_no_term_is_shown(tmp_path: Path, capsys: Captured) -> None:
    own = [write_reference(tmp_path, at_least=0.5, at_most=3.0), write_word_list(tmp_path, "geheimwort", at_most=0.05)]
    models = json.dumps(own)
    (tmp_path / "a.txt").write_text(labelled_text(1_000, is_wanted=False), encoding="utf-8")
    said = as_data(capsys, str(tmp_path / "a.txt"), "--clean.models", models)
    asked = {one["name"]: one for one in said["questions"] if one["name"].startswith("models.")}
    assert list(asked) == ["models.fluency.at_least", "models.fluency.at_most", "models.selling.at_most"]
    assert not asked["models.fluency.at_least"]["is_failed"]
    assert asked["models.fluency.at_most"]["reason"] == "high_fluency" and asked["models.fluency.at_most"]["is_failed"]
    assert tried(str(tmp_path / "a.txt"), "--clean.models", models) == 0
    page = capsys.readouterr().out
    assert "models.selling.at_most" in page and "at most 0.05" in page and "high_selling" in page
    assert "geheimwort" not in page


def test_of_a_script_that_the_reference_has_not_there_is_no_value_and_nothing_fails(
    tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "a.txt").write_text(chinese(5), encoding="utf-8")
    models = json.dumps([write_reference(tmp_path, at_most=0.1)])
    said = as_data(capsys, str(tmp_path / "a.txt"), "--clean.models", models)
    (asked,) = (one for one in said["questions"] if one["name"].startswith("models."))
    assert asked["value"] is None and not asked["is_failed"] and asked["limit"] == 0.1
    assert tried(str(tmp_path / "a.txt"), "--clean.models", models) == 0
    assert "nan" not in capsys.readouterr().out
