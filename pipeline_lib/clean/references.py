"""The text of reference that an n-gram model learns from: files of the user's.

As of examples, what decides is which texts there are, each once, in an order of their own.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import xxhash

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.model_files import FORMATS, PARQUET, digest_of_text, digest_once, error_of, files_at, texts_of

if TYPE_CHECKING:
    from pipeline_lib.clean.model_kinds.perplexity import PerplexityModel

MOST_BYTES = 16_000_000  # unpacked: more than a small model can hold; 0.7 GB of memory and half a minute of learning

FEWEST_CHARS = 20_000  # of a script: of fewer nothing can be learned


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


def digest_of_reference(model: "PerplexityModel") -> str:
    """What names a model beside its maker."""
    return digest_once(model, _files(model), read_reference)


def read_reference(model: "PerplexityModel") -> Reference:
    """All texts of a model. Raises `SettingsError` where they are too few or too much, or one cannot be read."""
    found: dict[bytes, str] = {}
    num_texts, num_bytes = 0, 0
    for path in _files(model):
        for text in texts_of(model, path, model.text_field, MOST_BYTES):
            num_texts += 1
            num_bytes += len(text.encode())
            if num_bytes > MOST_BYTES:
                raise error_of(model, f"the texts have more than {MOST_BYTES / 1e6:g} MB", "Give a sample of them.")
            found[digest_of_text(text)] = text
    num_chars = sum(map(len, found.values()))
    if num_chars < FEWEST_CHARS:
        raise too_little(model.name, num_chars)
    return Reference(tuple(found[key] for key in sorted(found)), num_texts - len(found))


def too_little(name: str, num_chars: int) -> SettingsError:
    """What is said of a reference from which nothing can be learned."""
    return SettingsError(
        f"clean.models {name!r}: the reference has {num_chars:,} characters, too few to learn from. Give at least "
        f"{FEWEST_CHARS:,}, better some million, of each script: Chinese and kana, and all others."
    )


def _files(model: "PerplexityModel") -> list[Path]:
    return files_at(model, model.reference, (*FORMATS, PARQUET), "texts")
