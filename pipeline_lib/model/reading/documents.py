"""The documents of a list of token shards in one numbering, mapped: a million in 20 ms and 30 MB.

Which of them are trained on follows from the share of each shard and its list of excluded documents; no file is
rewritten for either.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline_lib.base.arrays import read_only
from pipeline_lib.base.errors import DataError
from pipeline_lib.store.joined import opened_at, place_of
from pipeline_lib.store.local import Store
from pipeline_lib.store.parts import Span
from pipeline_lib.store.sides import is_held_out
from pipeline_lib.store.tokens import ALL_TARGETS, Ids, TokenShard, numbers, open_tokens


@dataclass(frozen=True)
class Shard:
    """A token shard and how it is read."""

    path: Path
    heldout_share: float
    excluded: tuple[str, ...] = ()  # ids of documents that were withdrawn or replaced
    span: Span | None = None  # which rows of the file; None: all of them


@dataclass(frozen=True)
class Documents:
    """N documents, in the order of their shards."""

    document_ids: tuple[pa.ChunkedArray, ...]  # of each shard
    firsts: NDArray[np.int64]  # [num_shards + 1], number of the first document of each shard
    is_train: NDArray[np.bool_]  # [N], on the train side, and has tokens
    is_excluded: NDArray[np.bool_]  # [N]
    starts: NDArray[np.int64]  # [N], places in `ids`
    lengths: NDArray[np.int64]  # [N], tokens
    mask_starts: NDArray[np.int64]  # [N], places in `mask` in bits; ALL_TARGETS where all tokens are targets
    ids: Ids  # what lies between the first and the last map, seen as ids; only places inside of maps are read
    mask: NDArray[np.uint8]  # the same as bytes

    def of_shards(self, shards: Sequence[int]) -> NDArray[np.int64]:
        """Numbers of the documents of these shards that are trained on, excluded ones and all, int64, rising."""
        ranges = [(self.firsts[number], self.firsts[number + 1]) for number in sorted(shards)]
        return _joined([first + np.flatnonzero(self.is_train[first:last]) for first, last in ranges], np.int64)

    def name(self, document: int) -> tuple[int, str]:
        """The shard of a document, by its place in the list, and its id."""
        shard = int(np.searchsorted(self.firsts, document, side="right")) - 1
        return shard, self.document_ids[shard][document - int(self.firsts[shard])].as_py()


def open_documents(shards: Sequence[Shard]) -> Documents:
    """Map the shards. Raises `DataError` when one cannot be read, or their ids are of two sizes."""
    maps = {path: open_tokens(path) for path in dict.fromkeys(shard.path for shard in shards)}
    opened = tuple(opened_at(shard.path, shard.span, maps) for shard in shards)
    if len({shard.ids.dtype for shard in opened}) > 1:
        raise DataError("Token shards of two vocabularies do not go together. Tokenize them with one tokenizer.")
    lengths = _joined([shard.lengths for shard in opened], np.int64)
    train = [~is_held_out(mapped.sides, shard.heldout_share) for mapped, shard in zip(opened, shards, strict=True)]
    excluded = [_is_among(mapped.document_ids, shard.excluded) for mapped, shard in zip(opened, shards, strict=True)]
    ids, mask = _view([shard.ids for shard in opened]), _view([shard.mask for shard in opened])
    return Documents(
        document_ids=tuple(shard.document_ids for shard in opened),
        firsts=np.cumsum([0, *(len(shard.lengths) for shard in opened)]),
        is_train=_joined(train, np.bool_) & (lengths > 0),
        is_excluded=_joined(excluded, np.bool_),
        starts=_joined([shard.starts + _distance(ids, shard.ids) // ids.itemsize for shard in opened], np.int64),
        lengths=lengths,
        mask_starts=_joined([_moved(shard, 8 * _distance(mask, shard.mask)) for shard in opened], np.int64),
        ids=ids,
        mask=mask,
    )


def shard_of(store: Store, shard: str, heldout_share: float, excluded: Iterable[str] = ()) -> Shard:
    """A token shard by its name, to ask for all but its tokens. Raises `DamagedArtifact` where it is not whole."""
    path, span = place_of(store, shard)
    return Shard(path, heldout_share, tuple(excluded), span)


def count(shard: Shard) -> tuple[int, int]:
    """Documents of a shard that are trained on, and their tokens: what a snapshot says of it."""
    documents = open_documents([shard])
    is_read = documents.is_train & ~documents.is_excluded
    return int(is_read.sum()), int(documents.lengths[is_read].sum())


def names_of(shard: Shard) -> list[str]:
    """The ids of all of its documents, in order."""
    ids: list[str] = open_documents([shard]).document_ids[0].to_pylist()
    return ids


def trained_on(shard: Shard) -> tuple[pa.Array, NDArray[np.int64]]:
    """The ids of those documents, and the tokens of each, int64."""
    documents = open_documents([shard])
    is_read = documents.is_train & ~documents.is_excluded
    return documents.document_ids[0].filter(pa.array(is_read)).combine_chunks(), documents.lengths[is_read]


def trained_and_held_out(shard: Shard) -> tuple[pa.Array, pa.Array]:
    """The ids of a shard's documents on either side, without those that are excluded."""
    documents = open_documents([shard])
    sides = (documents.is_train, ~documents.is_train & (documents.lengths > 0))
    names = documents.document_ids[0]
    trained, held_out = (names.filter(pa.array(side & ~documents.is_excluded)).combine_chunks() for side in sides)
    return trained, held_out


def left_out(shard: Shard) -> Iterator[tuple[str, int]]:
    """The documents that it leaves out, each with its tokens, as far as they would be trained on."""
    documents = open_documents([shard])
    is_lost = documents.is_train & documents.is_excluded
    ids = documents.document_ids[0].filter(pa.array(is_lost))
    return zip(ids.to_pylist(), documents.lengths[is_lost].tolist(), strict=True)


def num_held_out_of(shard: Shard) -> int:
    """How many held-out documents are among those that it leaves out."""
    documents = open_documents([shard])
    return int((~documents.is_train & documents.is_excluded).sum())


def _joined(parts: Sequence[NDArray[Any]], kind: Any) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *parts])


def _is_among(document_ids: pa.ChunkedArray, wanted: Sequence[str]) -> NDArray[np.bool_]:
    if not wanted:
        return np.zeros(len(document_ids), np.bool_)
    found = pc.is_in(document_ids, pa.array(wanted, pa.string())).cast(pa.uint8())
    return _joined([numbers(chunk, np.bool_) for chunk in found.chunks], np.bool_)


def _address(array: NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _distance(view: NDArray[Any], part: NDArray[Any]) -> int:
    """Bytes from the beginning of a view to that of a map."""
    return _address(part) - _address(view)


def _moved(shard: TokenShard, bits: int) -> NDArray[np.int64]:
    return np.where(shard.mask_starts == ALL_TARGETS, ALL_TARGETS, shard.mask_starts + bits)


class _Span:
    """What numpy looks at as an array: from the first of some maps to the last, with all that lies between them."""

    def __init__(self, maps: Sequence[NDArray[Any]]) -> None:
        first, last = min(maps, key=_address), max(maps, key=_address)
        size = (_distance(first, last) + last.nbytes) // first.itemsize
        self.maps = maps  # they stay open as long as the view does
        self.__array_interface__ = {
            "data": (_address(first), True),
            "shape": (size,),
            "typestr": first.dtype.str,
            "version": 3,
        }


def _view(maps: Sequence[NDArray[Any]]) -> Any:
    """One array over all maps, so that a kernel reads a document of any shard by one number."""
    if not maps:
        return np.empty(0, np.uint16)
    return read_only(np.asarray(_Span(maps)))
