"""The unpacked language model in the user's cache."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from py3langid.langid import MODEL_DIR, MODEL_FILE
from py3langid.modelio import load_model as unpack

from pipeline_lib.clean.language_model import LanguageModel, cache_folder, load_model

GERMAN = "Alle Menschen sind frei und gleich an Würde und Rechten geboren."


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return cache_folder()


def language(model: LanguageModel) -> str:
    return model.languages[model.classify(pa.array([GERMAN], pa.large_string()))[0]]


def test_the_cached_model_is_the_package_s_to_the_last_bit(cache: Path) -> None:
    load_model()
    assert cache.is_dir()
    cached = load_model()
    weights, priors, languages, *automaton = unpack(Path(MODEL_DIR) / MODEL_FILE)
    assert (cached.weights.view(np.float16) == np.asarray(weights)).all()
    assert (cached.priors == np.asarray(priors)).all()
    assert list(cached.languages) == list(languages)
    assert all((ours == np.asarray(own)).all() for ours, own in zip(cached.automaton, automaton, strict=True))
    assert language(cached) == "de"


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
    assert language(load_model()) == "de"
    assert (cache / "moves.npy").read_bytes() == whole


def test_where_no_cache_can_be_written_the_model_is_unpacked(cache: Path) -> None:
    cache.parent.parent.mkdir(exist_ok=True)
    cache.parent.write_text("a file where the folder should be")
    assert language(load_model()) == "de"
    assert cache.parent.is_file()
