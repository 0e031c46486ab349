"""The unpacked language model in the user's cache."""

from pathlib import Path

import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from pipeline_lib.clean.language_model import cache_folder, load_model

SENTENCES = (
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
    "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
    "Returns an array whose elements lie between zero and one.",
    "人人生而自由，在尊严和权利上一律平等。",
    "def f(x): return x + 1",
    "",
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return cache_folder()


def test_the_cached_model_says_what_the_package_says_to_the_last_digit(cache: Path) -> None:
    original = LanguageIdentifier.from_model_file(MODEL_FILE)
    load_model()
    assert cache.is_dir()
    cached = load_model()
    assert [cached.classify(text) for text in SENTENCES] == [original.classify(text) for text in SENTENCES]


def test_a_damaged_cache_is_noticed_and_written_anew(cache: Path) -> None:
    load_model()
    whole = (cache / "weights.npy").read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 1
    (cache / "weights.npy").write_bytes(damaged)
    load_model()
    assert (cache / "weights.npy").read_bytes() == whole


def test_a_cut_cache_is_noticed_and_written_anew(cache: Path) -> None:
    load_model()
    whole = (cache / "moves.npy").read_bytes()
    (cache / "moves.npy").write_bytes(whole[: len(whole) // 2])
    assert load_model().classify(SENTENCES[0])[0] == "de"
    assert (cache / "moves.npy").read_bytes() == whole


def test_where_no_cache_can_be_written_the_model_is_unpacked(cache: Path) -> None:
    cache.parent.parent.mkdir(exist_ok=True)
    cache.parent.write_text("a file where the folder should be")
    assert load_model().classify(SENTENCES[0])[0] == "de"
    assert cache.parent.is_file()
