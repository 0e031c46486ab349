"""Examples: what decides, and what is wrong with them in words."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from pydantic import ValidationError

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean import examples as examples_module
from pipeline_lib.clean.examples import digest_of_examples, read_examples
from pipeline_lib.clean.model_kinds.classifier import ClassifierModel
from pipeline_lib.clean.settings import CleanSettings
from tests.labelled import labelled_text, write_examples

SECRET = "nobody may read this"


def model_of(folder: Path, **settings: Any) -> ClassifierModel:
    return ClassifierModel(**write_examples(folder, **settings))


def test_neither_place_nor_format_nor_order_decides(tmp_path: Path) -> None:
    first = model_of(tmp_path / "a", num=12)
    said = [(labelled_text(n, is_wanted=side), int(side)) for n in range(12) for side in (False, True)]
    rows = [json.dumps({"body": text, "good": side}) for text, side in said]
    (tmp_path / "all.jsonl.gz").write_bytes(gzip.compress("\n".join(reversed(rows)).encode()))
    second = ClassifierModel(name="x", examples=tmp_path / "all.jsonl.gz", label_field="good", text_field="body")
    assert digest_of_examples(first) == digest_of_examples(second)
    assert read_examples(first) == read_examples(second)


def test_another_text_or_another_side_is_another_digest(tmp_path: Path) -> None:
    model = model_of(tmp_path, num=12)
    before = digest_of_examples(model)
    (tmp_path / "drop" / "12.txt").write_text("one more", encoding="utf-8")
    more = digest_of_examples(model)
    swapped = digest_of_examples(ClassifierModel(name="x", keep=model.drop, drop=model.keep))
    assert len({before, more, swapped}) == 3


def test_files_that_are_as_they_were_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of(tmp_path, num=12)
    found = digest_of_examples(model)
    monkeypatch.setattr(examples_module, "_rows", None)
    assert digest_of_examples(model) == found


def test_repeated_and_contradicting_texts_are_left_out_and_counted(tmp_path: Path) -> None:
    model = model_of(tmp_path, num=12)
    (tmp_path / "drop" / "again.txt").write_text(labelled_text(0, is_wanted=False), encoding="utf-8")
    (tmp_path / "drop" / "both.txt").write_text(labelled_text(0, is_wanted=True), encoding="utf-8")
    found = read_examples(model)
    assert (len(found.keep), len(found.drop), found.num_repeated, found.num_contradicting) == (11, 12, 1, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "10"),
        (b"{not json " + SECRET.encode(), "keep.jsonl:1 is no JSON. Correct"),
        (b'["%s"]' % SECRET.encode(), "keep.jsonl:1 is no object. Correct"),
        (b'{"body": "%s"}' % SECRET.encode(), "keep.jsonl:1 has no text in 'text'. Set `text_field`"),
        (b'{"text": 7}', "keep.jsonl:1 has no text"),
        (b'{"text": "%s"}\n' % SECRET.encode() * 20, "1 different examples of what to keep.*at least 10"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_without_its_text(tmp_path: Path, content: bytes, said: str) -> None:
    model = model_of(tmp_path)
    (tmp_path / "keep.jsonl").write_bytes(content)
    with pytest.raises(SettingsError, match=said) as raised:
        read_examples(model)
    assert SECRET not in str(raised.value) and "'sea'" in str(raised.value)


@pytest.mark.parametrize("label", ["yes", None, 2, "1", {}])
def test_a_label_that_is_none_is_refused_with_its_place(tmp_path: Path, label: Any) -> None:
    path = tmp_path / "all.jsonl"
    path.write_text(json.dumps({"text": SECRET, "label": label}), encoding="utf-8")
    with pytest.raises(
        SettingsError, match=r"all.jsonl:1 has no label true, false, 1 or 0 in 'label'. Set `label_field`"
    ):
        read_examples(ClassifierModel(name="x", examples=path))


def test_missing_places_and_folders_without_examples_are_said(tmp_path: Path) -> None:
    model = model_of(tmp_path)
    (tmp_path / "keep.jsonl").unlink()
    with pytest.raises(SettingsError, match=r"there is nothing at .*keep.jsonl. Correct the path"):
        digest_of_examples(model)
    (tmp_path / "keep.jsonl").mkdir()
    (tmp_path / "keep.jsonl" / "page.pdf").write_bytes(b"%PDF")
    with pytest.raises(SettingsError, match=r"no examples at .*\.jsonl or \.txt"):
        digest_of_examples(model)


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt.zst", "a.txt.bz2"])
def test_a_file_that_cannot_be_unpacked_or_is_not_utf_8_is_named(tmp_path: Path, name: str) -> None:
    model = model_of(tmp_path)
    (tmp_path / "drop" / name).write_bytes(b"no archive at all, of no kind")
    with pytest.raises(SettingsError, match=f"{name} cannot be read .*Write it again"):
        read_examples(model)
    (tmp_path / "drop" / name).unlink()
    (tmp_path / "drop" / "b.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(SettingsError, match=r"b.txt is not UTF-8. Convert"):
        read_examples(model)


@pytest.mark.parametrize("is_packed", [False, True])
def test_too_much_is_refused_before_it_is_unpacked(
    tmp_path: Path, is_packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of(tmp_path)
    monkeypatch.setattr(examples_module, "MOST_BYTES", 100_000)
    content = b"word " * 40_000
    name = "large.txt.zst" if is_packed else "large.txt"
    (tmp_path / "drop" / name).write_bytes(zstandard.compress(content) if is_packed else content)
    with pytest.raises(SettingsError, match=f"{name} has more than 0.1 MB. Give a sample"):
        read_examples(model)
    (tmp_path / "drop" / name).write_bytes(b"")
    for number in range(2):
        (tmp_path / "drop" / f"half{number}.txt").write_text(f"{number} " * 30_000, encoding="utf-8")
    (tmp_path / "drop" / name).unlink()
    with pytest.raises(SettingsError, match=r"the examples have more than 0.1 MB. Give a sample"):
        read_examples(model)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"name": "q"}, "keep` and `drop"),
        ({"name": "q", "keep": "a"}, "keep` and `drop"),
        ({"name": "q", "keep": "a", "drop": "b", "examples": "c"}, "keep` and `drop"),
        ({"name": "q", "keep": "a", "examples": "c"}, "keep` and `drop"),
        ({"name": "Q s", "examples": "a"}, "pattern"),
        ({"name": "q", "examples": "a", "at_least": 0.1, "at_most": 0.9}, "not both"),
        ({"name": "q", "examples": "a", "at_least": 1.1}, "less than or equal to 1"),
        ({"name": "q", "examples": "a", "languages": ["English"]}, "no document is told"),
    ],
)
def test_settings_that_cannot_be_honoured_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ClassifierModel(**settings)


def test_two_models_of_one_name_are_refused() -> None:
    one = {"name": "q", "examples": "a"}
    with pytest.raises(ValidationError, match="twice: q, q"):
        CleanSettings(models=(one, one))  # type: ignore[arg-type]


def test_what_an_editor_keeps_in_a_hidden_folder_is_no_example(tmp_path: Path) -> None:
    model = model_of(tmp_path, num=12)
    before = digest_of_examples(model)
    hidden = tmp_path / "drop" / ".checkpoints" / "old"
    hidden.mkdir(parents=True)
    (hidden / "a.txt").write_text("an old copy of an example", encoding="utf-8")
    (tmp_path / "drop" / ".a.txt").write_text("another one", encoding="utf-8")
    assert digest_of_examples(model) == before
    assert digest_of_examples(model.model_copy(update={"drop": hidden.parent.parent})) == before


def test_examples_below_a_hidden_folder_that_was_named_are_read(tmp_path: Path) -> None:
    assert len(read_examples(model_of(tmp_path / ".mine", num=12)).keep) == 12
