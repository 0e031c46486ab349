"""Corpora of the benches: of a size, the same each time, and one percent of them new or edited."""

import json
from itertools import combinations
from pathlib import Path

import pytest
import zstandard

from tests.bench.corpora import (
    PIECE,
    RECORD,
    VARIABLE,
    described,
    documentation,
    neutral,
    one_percent_edited,
    one_percent_new,
    texts_folder,
    write_documents,
)
from tests.bench.workbench import BenchFailed, BenchSkipped
from tests.tiny_night import chinese, english


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 90 kB of texts: English ones as plain text and compressed, Chinese ones as JSON Lines; a short one each."""
    root = tmp_path_factory.mktemp("texts")
    (root / "text_en_plain").mkdir()
    (root / "text_en_plain" / "book.txt").write_text("\n\n".join(english(n) for n in range(40)), encoding="utf-8")
    (root / "text_en_plain" / "SOURCE.md").write_text("where it is from")
    (root / "text_en_rows").mkdir()
    with zstandard.open(root / "text_en_rows" / "rows.jsonl.zst", "wt", encoding="utf-8") as file:
        file.write("".join(json.dumps({"text": text}) + "\n" for text in [*map(english, range(40, 80)), "Short."]))
    (root / "text_en_rows" / "questions.jsonl").write_text('{"question": "Why?"}\n')
    (root / "text_zh_rows").mkdir()
    rows = [json.dumps({"text": text}) for text in [*map(chinese, range(80)), "短。"]]
    (root / "text_zh_rows" / "rows.jsonl").write_text("\n".join([*rows, '{"other": 1}']), encoding="utf-8")
    return root


@pytest.mark.parametrize("megabytes", [0.02, 0.2, 1.0])
def test_a_corpus_has_the_size_that_is_asked_for_half_of_it_in_each_language(folder: Path, megabytes: float) -> None:
    corpus = neutral(folder, megabytes=megabytes)
    for language in ("en", "zh"):
        texts = [text.encode() for name, text in corpus.items() if name.startswith(language)]
        assert megabytes / 2 <= sum(map(len, texts)) / 1e6 < megabytes / 2 + max(map(len, texts)) / 1e6


def test_what_the_folder_holds_comes_first_and_as_it_is_without_what_is_short(folder: Path) -> None:
    corpus = neutral(folder, megabytes=0.2)
    assert [corpus[f"zh-{n}"] for n in range(80)] == [chinese(n) for n in range(80)]
    assert english(79) in corpus.values()
    assert not {"Short.", "短。"} & set(corpus.values())
    assert corpus["en-0"].startswith(english(0))


def test_a_corpus_is_the_same_each_time_and_another_seed_deals_others(folder: Path) -> None:
    corpus = neutral(folder, megabytes=0.5)
    assert neutral(folder, megabytes=0.5) == corpus
    other = neutral(folder, megabytes=0.5, seed=1)
    assert other != corpus
    assert [other[f"zh-{n}"] for n in range(80)] == [corpus[f"zh-{n}"] for n in range(80)]


def test_dealt_documents_are_next_to_never_near_duplicates(folder: Path) -> None:
    """Though this folder has 720 lines in a language: fewer than any real one."""
    corpus = neutral(folder, megabytes=0.3)
    lines = [set(corpus[name].split("\n")) for name in corpus if name.startswith("zh")][80:]
    near = [len(a & b) / len(a | b) >= 0.7 for a, b in combinations(lines, 2)]
    assert len(near) > 1000
    assert sum(near) / len(near) < 0.001


def test_plain_text_is_cut_at_the_ends_of_lines_into_documents_of_a_size(tmp_path: Path) -> None:
    lines = [english(n).replace("\n", " ") for n in range(40)]
    for language in ("en", "zh"):
        (tmp_path / f"text_{language}_book").mkdir()
        (tmp_path / f"text_{language}_book" / "book.txt").write_text("\n".join(lines), encoding="utf-8")
    whole = sum(len(line) + 1 for line in lines) - 1
    corpus = neutral(tmp_path, megabytes=2 * whole / 1e6)
    pieces = [text for name, text in corpus.items() if name.startswith("en")]
    assert "".join(pieces) == "\n".join(lines)
    assert all(PIECE <= len(text) < PIECE + max(map(len, lines)) + 1 for text in pieces[:-1])


def test_the_files_of_a_language_take_turns(folder: Path) -> None:
    corpus = neutral(folder, megabytes=0.2)
    english_ones = [text for name, text in corpus.items() if name.startswith("en")]
    assert english_ones[1] == english(40)
    assert english_ones[3] == english(41)


def test_other_fields_of_text_are_read_too(tmp_path: Path) -> None:
    for language, text in (("en", english(1)), ("zh", chinese(1) * 2)):
        (tmp_path / f"text_{language}_rows").mkdir()
        row = json.dumps({"context_text": text})
        (tmp_path / f"text_{language}_rows" / "rows.jsonl").write_text(row, encoding="utf-8")
    assert list(neutral(tmp_path, megabytes=0.0001).values()) == [english(1), chinese(1) * 2]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Documents of all sizes, as the demo has them: of 120 to 9,000 characters."""
    return ["\n".join(english(n * 20 + part) for part in range(n % 15 + 1)) for n in range(60)] + ["Short."]


@pytest.mark.parametrize("megabytes", [0.02, 1.0])
def test_documentation_has_the_size_that_is_asked_for_in_records_of_their_size(
    texts: list[str], megabytes: float
) -> None:
    corpus = documentation(texts, megabytes=megabytes)
    sizes = [len(text) for text in corpus.values()]
    assert megabytes * 1e6 <= sum(sizes) < megabytes * 1e6 + max(sizes)
    assert RECORD[0] <= min(sizes) and max(sizes) <= RECORD[1]


def test_documentation_comes_as_it_is_and_goes_on_without_repeating_a_document(texts: list[str]) -> None:
    natural = [text for text in texts if RECORD[0] <= len(text) <= RECORD[1]]
    corpus = documentation(texts, megabytes=1)
    assert list(corpus.values())[: len(natural)] == natural
    assert len(set(corpus.values())) == len(corpus) > 2 * len(natural)
    lines = {line for text in texts for line in text.split("\n")}
    whole = [line for text in corpus.values() for line in text.split("\n")[:-1]]
    assert set(whole) <= lines


def test_documentation_is_the_same_each_time_and_another_seed_deals_others(texts: list[str]) -> None:
    assert documentation(texts, megabytes=0.5) == documentation(texts, megabytes=0.5)
    assert documentation(texts, megabytes=0.5) != documentation(texts, megabytes=0.5, seed=1)


def test_documents_too_short_for_a_record_make_no_documentation() -> None:
    with pytest.raises(BenchFailed, match="no document of the demo has the size of a record"):
        documentation(["Short."], megabytes=1)


def test_one_percent_new_splits_a_corpus(folder: Path) -> None:
    corpus = neutral(folder, megabytes=0.5)
    first, later = one_percent_new(corpus)
    assert not first.keys() & later.keys()
    assert first | later == corpus
    assert len(later) == -(-len(corpus) // 100)


def test_one_percent_edited_changes_a_hundredth_of_the_texts_all_over_the_corpus(folder: Path) -> None:
    corpus = neutral(folder, megabytes=0.5)
    edited = one_percent_edited(corpus)
    assert list(edited) == list(corpus)
    changed = [at for at, name in enumerate(corpus) if edited[name] != corpus[name]]
    assert changed == list(range(0, len(corpus), 100))
    assert all(edited[name].startswith(text) for name, text in corpus.items())


@pytest.mark.parametrize("num_files", [1, 3, 8])
def test_documents_are_written_with_their_ids_over_so_many_files(folder: Path, tmp_path: Path, num_files: int) -> None:
    corpus = neutral(folder, megabytes=0.1)
    megabytes = write_documents(corpus, tmp_path / "source", num_files=num_files)
    files = sorted((tmp_path / "source").iterdir())
    rows = [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").split("\n") if line]
    assert len(files) == num_files
    assert {row["id"]: row["text"] for row in rows} == corpus
    assert megabytes == pytest.approx(sum(len(row["text"].encode()) for row in rows) / 1e6)


def test_a_corpus_names_what_it_is_made_of(folder: Path) -> None:
    corpus = neutral(folder, megabytes=1)
    assert described(folder, corpus) == (
        f"{len(corpus)} documents, 1 MB from text_en_plain/book.txt, text_en_rows/rows.jsonl.zst, "
        "text_zh_rows/rows.jsonl"
    )


@pytest.mark.parametrize("named", [None, "", "/nowhere"])
def test_without_a_folder_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, named: str | None) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if named is not None:
        monkeypatch.setenv(VARIABLE, named)
    with pytest.raises(BenchSkipped, match="BENCH_TEXTS names no folder of texts"):
        texts_folder()


def test_a_folder_without_texts_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(BenchFailed, match="holds no text in text_en_"):
        neutral(texts_folder(), megabytes=1)
