"""py3langid's model, kept unpacked in the user's cache and mapped into memory from there.

Unpacking its 69 MB takes half a second, which a night of few documents feels, and each worker process then holds them;
mapped pages are shared. All of it is compared with its digests once in each process. The cache is a convenience: where
it cannot be written, or differs, the package's own file is unpacked.
"""

import shutil
import tempfile
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier
from py3langid.modelio import load_model as unpack

from pipeline_lib.base.environment import cache_folder as caches
from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.store.files import replace_folder
from pipeline_lib.store.sealed import fault_of, seal

PARTS = ("weights", "priors", "languages", "moves", "rows", "outputs")  # in the order of py3langid's own loader
DIGESTS_FILE = "digests.json"


class LanguageModel(Protocol):
    """What is asked of it."""

    def classify(self, text: str) -> tuple[str, float]:
        """The most likely language, ISO 639-1 or "zxx", and its score."""
        ...


def load_model() -> LanguageModel:
    """The model, from the cache if it is there."""
    folder = cache_folder()
    parts = _read(folder)
    if parts is None:
        unpacked = unpack(Path(MODEL_DIR) / MODEL_FILE)
        parts = dict(zip(PARTS, map(np.asarray, unpacked), strict=True))
        with suppress(OSError, UpstreamError):  # a home that cannot be written to
            _write(folder, parts)
    model: LanguageModel = LanguageIdentifier(
        parts["weights"],
        parts["priors"],
        parts["languages"].tolist(),
        memoryview(parts["moves"]),
        parts["outputs"].tolist(),
        tk_row=parts["rows"].tolist(),
    )
    return model


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
