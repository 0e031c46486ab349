"""Kinds of models: settings, what is wrong with a list or a reference in words, what makes another digest."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean import references, word_lists
from pipeline_lib.clean.model_kinds import KINDS, kind_of
from pipeline_lib.clean.model_kinds.classifier import ClassifierModel
from pipeline_lib.clean.model_kinds.perplexity import PerplexityModel
from pipeline_lib.clean.model_kinds.word_list import WordListModel
from pipeline_lib.clean.references import read_reference
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.word_lists import read_list
from tests.given import given

SECRET = "nobodymayreadthis"
PERPLEXITY = {"kind": "perplexity", "name": "fluency", "reference": "ref.txt"}
WORD_LIST = {"kind": "word_list", "name": "adult", "terms": "adult.txt"}


def models_of(*given_models: dict[str, Any]) -> CleanSettings:
    return CleanSettings.model_validate({"models": given_models})


def list_of(path: Path, content: str | bytes) -> WordListModel:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return WordListModel(name="adult", terms=path)


def test_a_model_that_does_not_say_its_kind_is_a_classifier_and_others_are_theirs() -> None:
    said_so = {"kind": "classifier", "name": "r", "examples": "a"}
    settings = models_of({"name": "q", "examples": "a"}, PERPLEXITY, WORD_LIST, said_so)
    assert [type(one) for one in settings.models] == [ClassifierModel, PerplexityModel, WordListModel, ClassifierModel]
    assert [kind_of(one).word for one in settings.models] == ["classifier", "perplexity", "word_list", "classifier"]
    assert CleanSettings.model_validate_json(settings.model_dump_json()) == settings
    plain, said = settings.models[0], settings.models[3]
    assert plain.model_copy(update={"name": "r"}).decisive() == said.decisive() == {"name": "r"}


def test_each_kind_has_makers_and_a_board_of_its_own() -> None:
    makers = [maker.name for kind in KINDS for maker in (kind.model, kind.scores)]
    assert len(set(makers)) == len(makers) and len({kind.board for kind in KINDS}) == len(KINDS)
    asked = models_of(PERPLEXITY)
    assert [kind.word for kind in KINDS if kind.model.is_asked(asked)] == ["perplexity"]
    assert not any(kind.scores.is_asked(CleanSettings()) for kind in KINDS)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"kind": "magic", "name": "q"}, "no such kind of model; there are classifier, perplexity, word_list"),
        ({"kind": "perplexity", "name": "q"}, "reference"),
        ({"kind": "word_list", "name": "q"}, "terms"),
        ({**PERPLEXITY, "at_most": float("nan")}, "finite number"),
        ({**PERPLEXITY, "at_least": float("inf")}, "finite number"),
        ({**PERPLEXITY, "at_least": -1}, "greater than or equal to 0"),
        ({**PERPLEXITY, "at_least": 4, "at_most": 2}, "at_least lies above at_most"),
        ({**PERPLEXITY, "terms": "a"}, "Extra inputs"),
        ({**WORD_LIST, "at_most": float("nan")}, "finite number"),
        ({**WORD_LIST, "at_most": 1.5}, "less than or equal to 1"),
        ({**WORD_LIST, "name": "Adult words"}, "pattern"),
        ({**WORD_LIST, "languages": ["English"]}, "no document is told"),
    ],
)
def test_settings_that_cannot_be_honoured_are_refused(model: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        models_of(model)


def test_both_limits_are_rules_with_a_name_and_a_reason_each() -> None:
    (model,) = models_of({**PERPLEXITY, "at_least": 1, "at_most": 4, "languages": ["zh", "en"]}).models
    assert [(rule.name, rule.signal, rule.limit, rule.reason, rule.only_for) for rule in model.rules] == [
        ("models.fluency.at_least", "models.fluency", 1, "low_fluency", ("en", "zh")),
        ("models.fluency.at_most", "models.fluency", 4, "high_fluency", ("en", "zh")),
    ]


def test_neither_order_nor_case_nor_place_of_a_list_decides(tmp_path: Path) -> None:
    first = word_lists.digest_of_list(list_of(tmp_path / "a.txt", "Bad\ntwo  words\n坏词\n"))
    same = list_of(tmp_path / "b.list.gz", gzip.compress("\ufeff\n 坏词 \r\nTWO words\r\n\r\nbad".encode()))
    assert word_lists.digest_of_list(same) == first
    assert first.startswith("3 terms, ") and "bad" not in first
    assert read_list(same).terms == ("bad", "two words", "坏词")


def test_another_list_is_another_digest(tmp_path: Path) -> None:
    model = list_of(tmp_path / "a.txt", "bad")
    before = word_lists.digest_of_list(model)
    after = [
        word_lists.digest_of_list(list_of(tmp_path / "a.txt", content))
        for content in ("bad\nworse", "worse", "bad\nBad")
    ]
    assert len({before, *after}) == 4
    assert read_list(model).num_repeated == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"a.txt has no terms. Write one a line"),
        (b" \n\t\n\xe3\x80\x80\n", r"a.txt has no terms"),
        (SECRET.encode("utf-16"), r"a.txt is not UTF-8. Convert"),
        ("é".encode("latin-1"), r"a.txt is not UTF-8. Convert"),
        (f"ok\n{SECRET}\x00".encode(), r"a.txt:2 has a NUL character"),
        (b"ok\n" + SECRET.encode() * 20, r"a.txt:2 has more than 200 characters. Give a term a line"),
    ],
)
def test_what_is_wrong_with_a_list_is_said_without_a_term(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(SettingsError, match=f"clean.models 'adult': .*{said}") as raised:
        read_list(list_of(tmp_path / "a.txt", content))
    assert SECRET not in str(raised.value)


def test_a_list_that_is_missing_a_folder_too_large_or_no_archive_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match=r"there is nothing at .*no.txt. Correct the path"):
        read_list(WordListModel(name="adult", terms=tmp_path / "no.txt"))
    with pytest.raises(SettingsError, match=r"is a folder. Name the file"):
        read_list(WordListModel(name="adult", terms=tmp_path))
    with pytest.raises(SettingsError, match=r"a.gz cannot be read \(BadGzipFile\). Write it again"):
        read_list(list_of(tmp_path / "a.gz", "no archive"))
    monkeypatch.setattr(word_lists, "MOST_BYTES", 1_000)
    with pytest.raises(SettingsError, match=r"b.txt has more than 0.001 MB. Give a sample"):
        read_list(list_of(tmp_path / "b.txt", "ab\n" * 500))


def test_neither_place_nor_format_nor_order_of_a_reference_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "FEWEST_CHARS", 3)
    (tmp_path / "all.jsonl").write_text("\n".join(json.dumps({"body": one}) for one in "cabb"), encoding="utf-8")
    for name in "abc":
        (tmp_path / "texts" / name).mkdir(parents=True)
        (tmp_path / "texts" / name / "x.txt").write_text(name, encoding="utf-8")
    (tmp_path / "texts" / "again.txt").write_text("b", encoding="utf-8")
    first = PerplexityModel(name="x", reference=tmp_path / "all.jsonl", text_field="body")
    second = PerplexityModel(name="x", reference=tmp_path / "texts")
    assert read_reference(first) == read_reference(second) and read_reference(first).num_repeated == 1
    before = references.digest_of_reference(second)
    assert before == references.digest_of_reference(first) and before.startswith("3 texts, ")
    (tmp_path / "texts" / "a" / "x.txt").write_text("another", encoding="utf-8")
    assert references.digest_of_reference(second) != before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "é".encode("latin-1"), "a.txt is not UTF-8. Convert"),
        ("a.jsonl", b"{" + SECRET.encode(), "a.jsonl:1 is no JSON. Correct"),
        ("a.jsonl", b'{"body": "%s"}' % SECRET.encode(), "a.jsonl:1 has no text in 'text'. Set `text_field`"),
        ("a.pdf", b"%PDF", r"no texts at .*\.jsonl or \.txt"),
        ("a.parquet", SECRET.encode(), r"a.parquet cannot be read \(ArrowInvalid\). Write it again"),
        ("a.txt", b"x" * 2_000, "a.txt has more than 0.001 MB. Give a sample"),
    ],
)
def test_what_is_wrong_with_a_reference_is_said_without_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, said: str
) -> None:
    monkeypatch.setattr(references, "MOST_BYTES", 1_000)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=f"'x': .*{said}") as raised:
        read_reference(PerplexityModel(name="x", reference=tmp_path))
    assert SECRET not in str(raised.value)


def test_texts_of_an_export_are_a_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "FEWEST_CHARS", 3)
    (tmp_path / "texts").mkdir()
    pq.write_table(
        pa.table({"text": ["a", None, "bc"], "url": ["x", "y", "z"]}), tmp_path / "texts" / "train-0.parquet"
    )
    model = PerplexityModel(name="x", reference=tmp_path / "texts")
    assert sorted(read_reference(model).texts) == ["a", "bc"]
    with pytest.raises(SettingsError, match=r"train-0.parquet has no column 'body'. Set `text_field`"):
        read_reference(model.model_copy(update={"text_field": "body"}))


def test_texts_that_are_missing_or_too_much_together_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"there is nothing at .*elsewhere. Correct the path, or put the texts"):
        read_reference(PerplexityModel(name="x", reference=tmp_path / "elsewhere"))
    monkeypatch.setattr(references, "MOST_BYTES", 1_000)
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(name * 501, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"the texts have more than 0.001 MB. Give a sample of them"):
        read_reference(PerplexityModel(name="x", reference=tmp_path))


def listed(path: Path, content: str) -> dict[str, Any]:
    path.write_text(content, encoding="utf-8")
    return {**WORD_LIST, "terms": str(path)}


def referred(path: Path, content: str) -> dict[str, Any]:
    path.write_text("The sea was quiet. " * 1_200 + content, encoding="utf-8")
    return {**PERPLEXITY, "reference": str(path)}


@pytest.mark.parametrize(("write", "what"), [(listed, "list of terms"), (referred, "text of reference")])
def test_what_is_not_that_of_the_plan_is_not_learned(
    tmp_path: Path, write: Callable[[Path, str], dict[str, Any]], what: str
) -> None:
    settings = models_of(write(tmp_path / "a.txt", "planned"))
    (model,) = settings.models
    kind = kind_of(model)
    planned = {"model": model.name, kind.made_of: settings.outside()[model.name]}
    write(tmp_path / "a.txt", "something else")
    with pytest.raises(SettingsError, match=f"{model.name!r}: its {what} changed while this night ran. Run the same"):
        kind.model.make(settings, given(params=planned), tmp_path)
    again = {"model": model.name, kind.made_of: settings.outside()[model.name]}
    assert kind.model.make(settings, given(params=again), tmp_path).rows_out == 1


@pytest.mark.parametrize("content", ["", " \n", "too little", "x" * 19_999])
def test_a_reference_that_is_too_little_stops_the_plan(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.txt").write_text(content, encoding="utf-8")
    model = PerplexityModel(name="x", reference=tmp_path / "a.txt")
    with pytest.raises(SettingsError, match=f"'x': the reference has {len(content):,} characters, too few.* 20,000"):
        references.digest_of_reference(model)
