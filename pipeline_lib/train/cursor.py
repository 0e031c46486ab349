"""What a trunk has read, and what it reads next.

Text that is unread is dealt into portions in order of arrival: whole token shards, up to PORTION_TOKENS together. In a
portion documents are shuffled, packed and read once, sample by sample; a night may end anywhere, and the next one goes
on at that sample. What is read once more (`num_epochs`) is dealt the same way, when nothing is left to read for the
first time. So the cursor is: how often each shard was read, and the portions that are begun.

A portion that is begun stays as it was packed. A document that is excluded later becomes padding where it stood, and
shards that arrive later come into later portions. When one of its shards is gone from the snapshot, or samples are made
in another way, what it held is dealt again.

What weights and caps keep out while a shard is read may come in later: the cursor keeps which rows of a shard were not
read (a bit a document, of shards that something was left out of), and what came in of them is dealt as a portion of its
own. How much that is a snapshot tells by its counts alone: documents that were read and withdrawn since hide as many.

Shards are known by name. One that was made again under another name with the same content (a setting was changed that
changes no token of it) is the same text: where the cursor meets a snapshot it takes over the name that stands there.

Pure functions of cursor and snapshot; light, so that a plan can ask how much is left.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, TypeVar

from pipeline_lib.model.reading.snapshot import Arrived, Packing
from pipeline_lib.store.files import read_json, write_json

T = TypeVar("T")

CURSOR_FILE: Final = "cursor.json"
PORTION_TOKENS: Final = 1 << 30  # a portion is one index in memory: some 40 bytes a document


@dataclass(frozen=True)
class Recipe:
    """How samples are made of documents."""

    context_tokens: int
    packing: Packing
    seed: int


@dataclass(frozen=True)
class Portion:
    """Shards that are read together, and how far."""

    shards: tuple[str, ...]  # fingerprints, in order of arrival
    epoch: int  # how often its text was read before
    recipe: Recipe
    num_samples: int | None = None  # None: not packed yet
    num_read: int = 0  # samples
    left_out: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # rows that were excluded when it was packed
    only: Mapping[str, tuple[int, ...]] = field(
        default_factory=dict
    )  # rows that it is of; a shard without: all of them
    taken: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # documents and tokens, where some are left out


@dataclass(frozen=True)
class Missed:
    """What was not read of a shard that was read to its end."""

    rows: tuple[int, ...]
    num_documents: int  # that were read
    num_tokens: int  # of those


@dataclass(frozen=True)
class Cursor:
    """What a trunk has behind it."""

    num_steps: int = 0
    passes: Mapping[str, int] = field(default_factory=dict)  # how often a shard was read to its end
    portions: tuple[Portion, ...] = ()  # begun and not ended
    contents: Mapping[str, str] = field(default_factory=dict)  # of these shards, as `Arrived.content`
    missed: Mapping[str, Missed] = field(default_factory=dict)  # of shards that were read to their end


@dataclass(frozen=True)
class Text:
    """What there is to read."""

    shards: Sequence[Arrived]  # in order of arrival
    recipe: Recipe
    num_epochs: int


def unread(cursor: Cursor, text: Text) -> int:
    """Tokens that are left to read, over all passes; 0 when there is nothing to train on."""
    left = sum(max(0, text.num_epochs - _passes(cursor, one)) * one.num_tokens for one in text.shards)
    left += sum(_came_in(cursor, one)[1] for one in text.shards)
    return left - sum(_tokens_read(portion, text) for portion in _going_on(cursor, text))


def next_portion(cursor: Cursor, text: Text) -> Portion | None:
    """What is read next: what was read least, and of that what arrived first. None when all is read."""
    arrival = {one.shard: number for number, one in enumerate(text.shards)}
    begun = _going_on(cursor, text)
    taken = {shard for portion in begun for shard in portion.shards}
    fresh = (_fresh(cursor, text, taken), _rest(cursor, text, taken))
    portions = [*begun, *(portion for portion in fresh if portion is not None)]
    return min(portions, key=lambda portion: (portion.epoch, arrival[portion.shards[0]]), default=None)


def portions_ahead(cursor: Cursor, text: Text, packed: Callable[[Portion], Portion]) -> Iterator[Portion]:
    """All portions in the order in which they are read. `packed` says how many samples a new one has."""
    while (portion := next_portion(cursor, text)) is not None:
        whole = portion if portion.num_samples is not None else packed(portion)
        yield whole
        cursor = advanced(cursor, whole, samples_left(whole))


def advanced(cursor: Cursor, portion: Portion, count: int) -> Cursor:
    """The cursor behind `count` more samples of a portion that is packed. One without any is read at once."""
    if count == 0 < samples_left(portion):
        return cursor
    others = tuple(one for one in cursor.portions if not set(one.shards) & set(portion.shards))
    if count < samples_left(portion):
        return replace(cursor, portions=(*others, replace(portion, num_read=portion.num_read + count)))
    ended = dict.fromkeys(portion.shards, portion.epoch + 1)
    missed = {shard: left for shard, left in cursor.missed.items() if shard not in portion.shards}
    missed |= {shard: left for shard in portion.shards if (left := _left(cursor, portion, shard)) is not None}
    return replace(cursor, passes={**cursor.passes, **ended}, portions=others, missed=missed)


def _left(cursor: Cursor, portion: Portion, shard: str) -> Missed | None:
    """What is not read of a shard behind the end of a portion."""
    rows, taken = portion.left_out.get(shard), portion.taken.get(shard)
    if not rows or taken is None:  # an earlier release did not count
        return None
    before = cursor.missed.get(shard) if portion.only else None
    documents, tokens = (0, 0) if before is None else (before.num_documents, before.num_tokens)
    return Missed(rows, documents + taken[0], tokens + taken[1])


def samples_left(portion: Portion) -> int:
    """Samples of a portion that is packed that were not read yet."""
    return (portion.num_samples or 0) - portion.num_read


def with_least_samples(portion: Portion, text: Text) -> Portion:
    """The portion with the fewest samples it can have, as far as a snapshot tells: that many if contiguous.

    A document has a pair more than tokens.
    """
    counts = ((one.num_documents, one.num_tokens) for one in _own(portion, text))
    num_pairs = sum(map(sum, portion.taken.values() if portion.only else counts))
    return replace(portion, num_samples=-(-num_pairs // portion.recipe.context_tokens))


def first_place(cursor: Cursor, text: Text) -> list[Any]:
    """Where a training begins to read, as JSON: what names it beside its parent, recipe and end."""
    portion = next_portion(cursor, text)
    return [] if portion is None else [portion.shards[0], portion.epoch, portion.num_read]


def read_before(cursor: Cursor, text: Text) -> list[Arrived]:
    """The shards that were read to their end at least once: replay comes from these."""
    return [one for one in text.shards if _passes(cursor, one) > 0 and one.num_tokens > 0]


def met(cursor: Cursor, shards: Sequence[Arrived]) -> Cursor:
    """The cursor in the names of a snapshot: those of shards that are there under another one are taken over."""
    there = {one.shard for one in shards}
    others: dict[str, list[str]] = {}
    for one in shards:
        if one.shard not in cursor.contents:
            others.setdefault(one.content, []).append(one.shard)
    names = {}
    for shard, content in cursor.contents.items():
        if shard not in there and others.get(content):
            names[shard] = others[content].pop(0)
    return cursor if not names else _renamed(cursor, names)


def remembering(cursor: Cursor, shards: Sequence[Arrived]) -> Cursor:
    """The cursor with the content of all shards that it names, as far as it is known."""
    known = {**cursor.contents, **{one.shard: one.content for one in shards}}
    named = [*cursor.passes, *(shard for portion in cursor.portions for shard in portion.shards)]
    return replace(cursor, contents={shard: known[shard] for shard in named if shard in known})


def write_cursor(cursor: Cursor, folder: Path) -> None:
    """Put it into the folder of a trunk."""
    plain = asdict(cursor)
    for portion in plain["portions"]:
        portion["only"] = {shard: _bits(rows) for shard, rows in portion["only"].items()}
    for missed in plain["missed"].values():
        missed["rows"] = _bits(missed["rows"])
    write_json(folder / CURSOR_FILE, plain)


def read_cursor(trunk: Path | None, shards: Sequence[Arrived]) -> Cursor:
    """The cursor of a trunk in the names of a snapshot; without a trunk nothing was read."""
    if trunk is None:
        return Cursor()
    raw = read_json(trunk / CURSOR_FILE)
    contents = raw.get("contents", {})  # earlier releases knew shards by name alone, and not what they had missed
    missed = {shard: Missed(**{**left, "rows": _rows(left["rows"])}) for shard, left in raw.get("missed", {}).items()}
    cursor = Cursor(raw["num_steps"], raw["passes"], tuple(map(_portion, raw["portions"])), contents, missed)
    return met(cursor, shards)


def _portion(raw: Mapping[str, Any]) -> Portion:
    left_out = {shard: tuple(rows) for shard, rows in raw["left_out"].items()}
    changed = {
        "shards": tuple(raw["shards"]),
        "recipe": Recipe(**raw["recipe"]),
        "left_out": left_out,
        "only": {shard: _rows(bits) for shard, bits in raw.get("only", {}).items()},
        "taken": {shard: tuple(counts) for shard, counts in raw.get("taken", {}).items()},
    }
    return Portion(**{**raw, **changed})


def _bits(rows: Sequence[int]) -> str:
    """Row n as bit n of a number in hexadecimal digits: a quarter of a character a document."""
    bits = bytearray(max(rows, default=0) // 8 + 1)
    for row in rows:
        bits[row // 8] |= 1 << row % 8
    return bits.hex()


def _rows(bits: str) -> tuple[int, ...]:
    return tuple(8 * at + bit for at, byte in enumerate(bytes.fromhex(bits)) for bit in range(8) if byte >> bit & 1)


def _renamed(cursor: Cursor, names: Mapping[str, str]) -> Cursor:
    def named(shards: Mapping[str, T]) -> dict[str, T]:
        return {names.get(shard, shard): value for shard, value in shards.items()}

    portions = (
        replace(
            portion,
            shards=tuple(names.get(shard, shard) for shard in portion.shards),
            left_out=named(portion.left_out),
            only=named(portion.only),
            taken=named(portion.taken),
        )
        for portion in cursor.portions
    )
    return replace(
        cursor,
        passes=named(cursor.passes),
        portions=tuple(portions),
        contents=named(cursor.contents),
        missed=named(cursor.missed),
    )


def _passes(cursor: Cursor, one: Arrived) -> int:
    return cursor.passes.get(one.shard, 0)


def _came_in(cursor: Cursor, one: Arrived) -> tuple[int, int]:
    """Documents, and their tokens, that came into a shard since it was read to its end."""
    missed = cursor.missed.get(one.shard)
    if missed is None or one.num_documents <= missed.num_documents:
        return 0, 0
    return one.num_documents - missed.num_documents, max(1, one.num_tokens - missed.num_tokens)


def _going_on(cursor: Cursor, text: Text) -> list[Portion]:
    """Portions that are begun and can go on."""
    there = {one.shard for one in text.shards}
    return [
        portion
        for portion in cursor.portions
        if portion.recipe == text.recipe
        and portion.epoch < text.num_epochs
        and set(portion.shards) <= there
        and any(one.num_tokens for one in _own(portion, text))  # not all of it was withdrawn
    ]


def _own(portion: Portion, text: Text) -> list[Arrived]:
    own = set(portion.shards)
    return [one for one in text.shards if one.shard in own]


def _fresh(cursor: Cursor, text: Text, taken: set[str]) -> Portion | None:
    """A new portion of what was read least."""
    left = [one for one in text.shards if one.num_tokens and one.shard not in taken]
    epoch = min((_passes(cursor, one) for one in left), default=text.num_epochs)
    if epoch >= text.num_epochs:
        return None
    own = [one for one in left if _passes(cursor, one) == epoch]
    num_fitting = sum(total <= PORTION_TOKENS for total in accumulate(one.num_tokens for one in own))
    return Portion(tuple(one.shard for one in own[: max(1, num_fitting)]), epoch, text.recipe)


def _rest(cursor: Cursor, text: Text, taken: set[str]) -> Portion | None:
    """A portion of what came in where a shard had been read to its end: of the pass that was the last one there."""
    left = [one for one in text.shards if one.shard not in taken and _came_in(cursor, one)[0]]
    epoch = min((_passes(cursor, one) for one in left), default=0) - 1
    own = [one for one in left if _passes(cursor, one) == epoch + 1]
    counts = {one.shard: _came_in(cursor, one) for one in own}
    num_fitting = sum(total <= PORTION_TOKENS for total in accumulate(tokens for _, tokens in counts.values()))
    shards = tuple(one.shard for one in own[: max(1, num_fitting)])
    if not shards:
        return None
    only = {shard: cursor.missed[shard].rows for shard in shards}
    return Portion(shards, epoch, text.recipe, only=only, taken={shard: counts[shard] for shard in shards})


def _tokens_read(portion: Portion, text: Text) -> int:
    whole = sum(one.num_tokens for one in _own(portion, text))
    num_tokens = sum(tokens for _, tokens in portion.taken.values()) if portion.only else whole
    return num_tokens * portion.num_read // max(1, portion.num_samples or 0)
