"""A small n-gram model of characters: learned from a text of reference, it gives the bits per byte of other texts.

    ngrams, facts = learn_reference(reference, "fluency")
    bits_per_byte(texts, ngrams)                             float32, null where the model has nothing to say

Interpolated Witten-Bell smoothing (Witten and Bell 1991; formula 2 of Chen and Goodman 1999), over the n-grams that are
kept: those that come at least twice, or as much oftener as it takes for MOST_NGRAMS. With c(h) how often a context
comes, c(hx) an n-gram that is kept, T(h) and K(h) how many kept ones there are behind h and how often they come,

    P(x | h) = (c(hx) + (c(h) - K(h) + T(h)) P(x | h')) / (c(h) + T(h)),      h' is h without its first character

and below the single characters all are alike: 2^-21, as there are fewer than 2^21 code points. Learning counts exactly,
in whole numbers; what is not whole is arithmetic alone, so the same text gives the same bytes on every machine.

Bits per byte, not per character: a Chinese character takes about three times the bits of an English letter, and three
bytes, so that one limit means the same in both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline_lib.base.arrays import read_only
from pipeline_lib.clean.characters import character_classes
from pipeline_lib.clean.models import lower_case
from pipeline_lib.clean.ngrams import HAN, ORDER, OTHER, SCRIPTS, UNIT, insert, joined_all, measure, read
from pipeline_lib.clean.references import FEWEST_CHARS, Reference, too_little
from pipeline_lib.text.buffers import buffers_of

MOST_NGRAMS = 1 << 19  # 8 MB of table, half full
SMALLEST_SHARE = 0.1  # of the bytes: a script that only comes along (names, quotes) would be learned badly
PIECE = 2_000  # characters: every tenth piece is held out while it is measured how odd the reference itself is

_START_BITS = 21
_LOG_STEPS = 14  # binary digits of a logarithm behind the point: 10 are kept
_FEWEST_TIMES = 2

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Points = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class NGrams:
    """A model: the table, and of each script the bits of an unknown character, -1 where it is not measured."""

    slots: npt.NDArray[np.uint64]
    unknown: Counts  # [OTHER, HAN], in UNITs


@dataclass(frozen=True)
class _Level:
    """The n-grams of one length that are kept: of each its character, its context, itself without its first one."""

    points: Counts
    contexts: Counts  # numbers in the level below; of single characters the script
    shorter: Counts
    counts: Counts


def learn_reference(reference: Reference, name: str) -> tuple[NGrams, dict[str, Any]]:
    """The model of a reference, and how odd parts of it are to a model of the others.

    Raises `SettingsError` where it is too little.
    """
    pieces = [piece for text in reference.texts for piece in _pieces(text)]
    points, scripts = _characters(pieces)
    measured = _measured_scripts(points, scripts)
    if not measured:
        raise too_little(name, len(points))
    learning = [piece for number, piece in enumerate(pieces) if number % 10]
    asked = pa.array([piece for number, piece in enumerate(pieces) if number % 10 == 0], pa.large_string())
    found = bits_per_byte(asked, _learned(*_characters(learning), measured)).drop_null()
    ngrams = _learned(points, scripts, measured)
    facts = {
        "num_characters": len(points),
        "scripts": [SCRIPTS[script] for script in measured],
        "num_ngrams": int(np.count_nonzero(ngrams.slots)),
        **{f"held_out_bits_per_byte_p{at}": _quantile(found, at) for at in (5, 50, 95)},
    }
    return ngrams, facts


def bits_per_byte(texts: pa.LargeStringArray, ngrams: NGrams) -> pa.FloatArray:
    """The bits per byte of each text, over the characters of scripts that are measured; texts must not be null.

    Null where these are less than half of its bytes. White space in a row counts as one byte.
    """
    sums = np.zeros((len(texts), 3), np.int64)
    if len(texts):
        model = read_only(ngrams.slots), read_only(ngrams.unknown)
        measure(*buffers_of(texts), character_classes(), folds(), *model, sums)
    bits, num_bytes, num_others = sums.T
    values = bits / (UNIT * np.maximum(num_bytes, 1))
    return pa.array(values.astype(np.float32), pa.float32(), mask=(num_bytes == 0) | (num_bytes < num_others))


def load() -> None:
    """Compile what scores need: the first document would take seconds."""
    bits_per_byte(pa.array([""], pa.large_string()), NGrams(np.zeros(16, np.uint64), np.zeros(2, np.int64)))


@cache
def folds() -> Points:
    """What stands for each code point that has a lower case or is a decimal digit: that, and "0"."""
    table = lower_case().copy()
    table[[chr(point).isdecimal() for point in range(len(table))]] = ord("0")
    return table


def _pieces(text: str) -> list[str]:
    """A text, cut at ends of lines, or of what is as long as ten pieces."""
    pieces, start = list[str](), 0
    while len(text) - start > PIECE:
        end = text.find("\n", start + PIECE, start + 10 * PIECE)
        end = min(start + 10 * PIECE, len(text)) if end < 0 else end
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]


def _characters(pieces: Sequence[str]) -> tuple[Points, Bytes]:
    """The folded characters of all pieces, and the script of each; behind each piece one of none (-1)."""
    column = [np.frombuffer(piece.encode(), np.uint8) for piece in pieces]
    num_bytes = sum(map(len, column)) + len(column)
    points, scripts, number = np.zeros(num_bytes, np.int32), np.zeros(num_bytes, np.uint8), 0
    for text in column:
        number += read(read_only(text), character_classes(), folds(), points[number:], scripts[number:])
        points[number], scripts[number] = -1, len(SCRIPTS)
        number += 1
    return points[:number], scripts[:number]


def _measured_scripts(points: Points, scripts: Bytes) -> list[int]:
    """The scripts that there is enough of."""
    widths = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
    num_bytes = [int(widths[scripts == script].sum()) for script in (OTHER, HAN)]
    return [
        script
        for script in (OTHER, HAN)
        if (scripts == script).sum() >= FEWEST_CHARS and num_bytes[script] >= SMALLEST_SHARE * sum(num_bytes)
    ]


def _learned(points: Points, scripts: Bytes, measured: Sequence[int]) -> NGrams:
    """The model of characters."""
    levels = _fewer(_levels(points, scripts, measured))
    unknown = np.full(len(SCRIPTS), -1, np.int64)
    slots = np.zeros(1 << max(4, (2 * sum(len(level.points) for level in levels)).bit_length()), np.uint64)
    lower, values = np.full(len(SCRIPTS), 2.0**-_START_BITS), np.zeros(len(SCRIPTS), np.uint64)
    totals = np.bincount(scripts, minlength=len(SCRIPTS))[: len(SCRIPTS)]
    found = list[tuple[npt.NDArray[np.uint64], Floats]]()
    rest = np.zeros(0)
    for level in levels:
        rest, own = _shares(level, totals, lower)
        if not found:
            unknown[measured] = _in_units(rest * lower)[measured]
        else:
            _put(*found[-1], rest, slots)
        longer = np.zeros(len(level.points), np.uint64)
        joined_all(values[level.contexts], level.points, longer)
        values = longer
        found.append((values, own))
        totals, lower = level.counts, own
    _put(*found[-1], np.ones(len(lower)), slots)
    return NGrams(slots, unknown)


def _shares(level: _Level, totals: Counts, lower: Floats) -> tuple[Floats, Floats]:
    """What each context of the level below leaves for going back; the probability of each n-gram behind its context.

    `totals` and `lower` are of the level below: how often it comes, and how probable it is.
    """
    num_kept = np.bincount(level.contexts, level.counts.astype(np.float64), len(totals))
    num_kinds = np.bincount(level.contexts, minlength=len(totals))
    whole = totals + num_kinds
    rest = (whole - num_kept) / np.maximum(whole, 1)
    rest[whole == 0] = 1.0
    own = level.counts / whole[level.contexts] + rest[level.contexts] * lower[level.shorter]
    return rest, own


def _levels(points: Points, scripts: Bytes, measured: Sequence[int]) -> list[_Level]:
    """The n-grams of each length that come at least twice, and all single characters. Exact: no hashes."""
    ids = np.where(np.isin(scripts, measured), scripts.astype(np.int64), -1)  # of what ends here, in the level below
    before = ids.copy()  # the same of what ends one character before: of single characters the script
    levels = list[_Level]()
    for length in range(1, ORDER + 1):
        at = np.flatnonzero((ids >= 0) & (before >= 0))
        keys = before[at] << 21 | points[at]
        kinds, first, which, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        is_kept = counts >= (1 if length == 1 else _FEWEST_TIMES)
        numbers = np.where(is_kept, np.cumsum(is_kept) - 1, -1)
        levels.append(
            _Level(kinds[is_kept] & (1 << 21) - 1, kinds[is_kept] >> 21, ids[at[first[is_kept]]], counts[is_kept])
        )
        ids = np.full(len(points), -1, np.int64)
        ids[at] = numbers[which]
        before = np.concatenate([[-1], np.where(scripts[1:] == scripts[:-1], ids[:-1], -1)])
    return levels


def _fewer(levels: Sequence[_Level]) -> list[_Level]:
    """Those that come more often than the first for which there is no room; all, where there is room.

    Parts of an n-gram come at least as often as it does, so that what they refer to stays.
    """
    counts = np.sort(np.concatenate([level.counts for level in levels[1:]]))
    room = MOST_NGRAMS - len(levels[0].points)
    fewest = int(counts[-room - 1]) + 1 if len(counts) > room else _FEWEST_TIMES
    kept, numbers = [levels[0]], np.arange(len(levels[0].points))
    for level in levels[1:]:
        is_kept = level.counts >= fewest
        kept.append(
            _Level(
                level.points[is_kept],
                numbers[level.contexts[is_kept]],
                numbers[level.shorter[is_kept]],
                level.counts[is_kept],
            )
        )
        numbers = np.cumsum(is_kept) - 1
    return kept


def _put(values: npt.NDArray[np.uint64], own: Floats, rest: Floats, slots: npt.NDArray[np.uint64]) -> None:
    insert(values, _in_units(own), _in_units(rest), slots)


def _in_units(shares: Floats) -> Counts:
    """-log2 of shares, 0 < p <= 1, in UNITs, at most 2^16 - 1; by squaring, as logarithms of C libraries differ."""
    mantissas, exponents = np.frexp(shares)  # exact: p = m * 2^e, 1/2 <= m < 1
    mantissas, digits = 2 * mantissas, np.zeros(len(shares), np.int64)
    for _ in range(_LOG_STEPS):
        mantissas = mantissas * mantissas
        is_one = mantissas >= 2
        mantissas = np.where(is_one, mantissas / 2, mantissas)
        digits = 2 * digits + is_one
    whole = (1 - exponents.astype(np.int64) << _LOG_STEPS) - digits
    units: Counts = np.clip((whole * UNIT + (1 << _LOG_STEPS - 1)) >> _LOG_STEPS, 0, (1 << 16) - 1)
    return units


def _quantile(values: pa.FloatArray, percent: int) -> float | None:
    found = np.quantile(np.asarray(values, np.float64), percent / 100) if len(values) else None
    return None if found is None else round(float(found), 3)
