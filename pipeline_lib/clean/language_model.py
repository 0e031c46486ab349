"""py3langid's model, kept unpacked in the user's cache and mapped into memory from there.

Unpacking its 69 MB takes half a second, which a night of few documents feels, and each worker process then holds them;
mapped pages are shared. All of it is compared with its digests once in each process. The cache is a convenience: where
it cannot be written, or differs, the package's own file is unpacked.
"""

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from py3langid.langid import MODEL_DIR, MODEL_FILE
from py3langid.modelio import load_model as unpack

from pipeline_lib.base.arrays import read_only
from pipeline_lib.base.environment import cache_folder as caches
from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.clean.language_kernel import Automaton, classify
from pipeline_lib.store.files import replace_folder
from pipeline_lib.store.sealed import fault_of, seal
from pipeline_lib.text.buffers import buffers_of

PARTS = ("weights", "priors", "languages", "moves", "rows", "outputs")  # in the order of py3langid's own loader
DIGESTS_FILE = "digests.json"


@dataclass(frozen=True)
class LanguageModel:
    """Its tables, as the kernel takes them."""

    languages: tuple[str, ...]  # ISO 639-1, or -3 where that has none, or "zxx" for what is no language; some twice
    weights: npt.NDArray[np.int16]  # the bits of float16: log P(feature | language)
    priors: npt.NDArray[np.float32]
    automaton: Automaton

    def classify(self, texts: pa.LargeStringArray) -> npt.NDArray[np.int64]:
        """Which of `languages` each text is in, below 0 where nothing tells; texts as `readable` gives them."""
        best = np.empty(len(texts), np.int64)
        data, offsets = buffers_of(texts)
        labels = np.array([self.languages.index(name) for name in self.languages])
        logarithms = np.log1p(np.arange(np.diff(offsets).max(initial=0) + 1, dtype=np.float32))
        classify(data, offsets, self.automaton, (self.weights, self.priors, labels, logarithms), best)
        return best


def load_model() -> LanguageModel:
    """The model, from the cache if it is there."""
    folder = cache_folder()
    parts = _read(folder)
    if parts is None:
        unpacked = unpack(Path(MODEL_DIR) / MODEL_FILE)
        parts = dict(zip(PARTS, map(np.asarray, unpacked), strict=True))
        with suppress(OSError, UpstreamError):  # a home that cannot be written to
            _write(folder, parts)
    tables = {name: read_only(np.asarray(values)) for name, values in parts.items()}
    return LanguageModel(
        languages=tuple(tables["languages"].tolist()),
        weights=tables["weights"].view(np.int16),
        priors=tables["priors"],
        automaton=(tables["moves"], tables["rows"], tables["outputs"]),
    )


def cache_folder() -> Path:
    """Where the unpacked model of the installed version lies."""
    return caches() / f"py3langid-{metadata.version('py3langid')}"


def _write(folder: Path, parts: dict[str, Any]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, values in parts.items():
            np.save(draft / f"{name}.npy", values, allow_pickle=False)
        seal(draft, DIGESTS_FILE)
        replace_folder(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _read(folder: Path) -> dict[str, Any] | None:
    """The parts as read-only arrays; None when they are not there, or not as they were written."""
    if fault_of(folder, DIGESTS_FILE) is not None:
        return None
    try:
        return {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in PARTS}
    except (OSError, ValueError):
        return None
