"""The text of reference that an n-gram model learns from: files of the user's.

As of examples, what decides is which texts there are, each once, in an order of their own.
"""

from dataclasses import dataclass
from pathlib import Path

import xxhash

from pipeline_lib.clean.model_files import FORMATS, digest_of_text, digest_once, error_of, files_at, texts_of
from pipeline_lib.clean.model_kinds.perplexity import PerplexityModel

MOST_BYTES = 16_000_000  # unpacked: more than a small model can hold; 0.7 GB of memory and half a minute of learning


@dataclass(frozen=True)
class Reference:
    """Texts, in the order of their digests."""

    texts: tuple[str, ...]
    num_repeated: int  # left out

    @property
    def digest(self) -> str:
        """Of all of them, behind how many there are: "40 texts, 1f0c..."."""
        whole = xxhash.xxh3_128(str(self.num_repeated).encode())
        for text in self.texts:
            whole.update(digest_of_text(text))
        return f"{len(self.texts)} texts, {whole.hexdigest()}"


def digest_of_reference(model: PerplexityModel) -> str:
    """What names a model beside its maker."""
    return digest_once(model, _files(model), read_reference)


def read_reference(model: PerplexityModel) -> Reference:
    """All texts of a model. Raises `SettingsError` where there are none or too much, or one cannot be read."""
    found: dict[bytes, str] = {}
    num_texts, num_bytes = 0, 0
    for path in _files(model):
        for text in texts_of(model, path, model.text_field, MOST_BYTES):
            num_texts += 1
            num_bytes += len(text.encode())
            if num_bytes > MOST_BYTES:
                raise error_of(model, f"the texts have more than {MOST_BYTES / 1e6:g} MB", "Give a sample of them.")
            found[digest_of_text(text)] = text
    return Reference(tuple(found[key] for key in sorted(found)), num_texts - len(found))


def _files(model: PerplexityModel) -> list[Path]:
    return files_at(model, model.reference, FORMATS, "texts")
