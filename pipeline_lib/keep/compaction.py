"""Which token shards are to lie together, and which are to lose what has left them: what `nightshift compact` does.

Small neighbours in order of arrival become one, up to MOST_TOKENS and MOST_SHARDS; what lies for itself, or together
already, is written anew once a fifth of it has left. Names stay (store/parts.py), so no table, snapshot, cursor or
model is another one. What lies in two places goes with the next gc (marks.py). Only what can be encoded again is
touched: where the text behind a shard is gone, the shard stays as it is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.plan.data import plan_sealed_data
from pipeline_lib.run.maker import Work
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Store
from pipeline_lib.store.parts import OF_TOKENS
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize.joined import joined_work, left_by, rows_left

if TYPE_CHECKING:
    import pyarrow as pa

TEXTS = "scrub"  # the stage of the texts behind token shards
MOST_TOKENS = 1 << 26  # of what lies together: 128 MB, a sixteenth of a portion
MOST_SHARDS = 256  # 20 kB of names, and of sizes that each look at them compares
TOKEN_BYTES = 2  # of a vocabulary of up to 65,536
DEAD_SHARE = 0.2  # of documents or tokens: so much has left that it is written anew


@dataclass(frozen=True)
class Piece:
    """Token shards in a row that lie in one place."""

    shards: tuple[str, ...]
    place: Ref
    num_rows: int  # documents of its shards, with those that have left
    num_tokens: int  # of those that have not left
    num_dead: int  # documents that have left, and may have tokens here still
    num_dead_tokens: int  # of those

    @property
    def may_be_worth_it(self) -> bool:
        """Whether so much of it may have left that it is written anew."""
        return self.num_dead >= DEAD_SHARE * self.num_rows or self.num_dead_tokens >= DEAD_SHARE * (
            self.num_tokens + self.num_dead_tokens
        )


@dataclass(frozen=True)
class Joining:
    """What is to be written."""

    work: Work
    pieces: tuple[Piece, ...]  # what it takes the place of

    @property
    def less_bytes(self) -> int:
        """What the tokens weigh that leave, about."""
        return TOKEN_BYTES * sum(piece.num_dead_tokens for piece in self.pieces)


@dataclass(frozen=True)
class Compaction:
    """What is to be done to a workspace."""

    joinings: tuple[Joining, ...] = ()
    num_pieces: int = 0  # places in which tokens lie, before
    notes: tuple[str, ...] = ()

    @property
    def num_pieces_after(self) -> int:
        """The places in which tokens lie when it is done."""
        return self.num_pieces - sum(len(one.pieces) - 1 for one in self.joinings)


def compaction_of(settings: Settings, workspace: Workspace) -> Compaction:
    """What is to be joined and written anew, by the tables of the last night. Changes nothing."""
    store, tables = workspace.store, plan_sealed_data(settings, workspace).carried.before("shards")
    if not tables or not all(store.is_present(table) for table in tables):
        return Compaction(notes=("a night by these settings has to be done first",) if tables else ())
    pieces = list(_pieces(store, tables))
    joinings, notes = [], []
    for group in _groups(pieces):
        shards = [shard for piece in group for shard in piece.shards]
        if len(group) == 1 and not group[0].may_be_worth_it:
            continue
        try:
            left = rows_left(store, left_by(store, tables, shards))
        except (DamagedArtifact, DataError) as exc:
            notes.append(f"{len(shards)} token shards are left as they are: {exc}")
            continue
        if len(group) > 1 or _is_worth_it(store, group[0], left):
            joinings.append(Joining(joined_work(shards, tables, left), tuple(group)))
    return Compaction(tuple(joinings), len(pieces), tuple(notes))


def num_bytes_of(store: Store, places: Iterable[Ref]) -> int:
    """What these weigh, each with all of its files: also those that it shares with another one until gc."""
    folders = (store.path(place.stage, place.fingerprint) for place in places)
    return sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())


def _pieces(store: Store, tables: Sequence[Ref]) -> Iterator[Piece]:
    """Where tokens lie, in order of arrival; a shard that is lost, or cannot be encoded again, is not among them."""
    from pipeline_lib.store.shards import excluded_of, read_shards

    table, gone = read_shards(store, tables)
    left = _left_by_shard(excluded_of(table, gone))
    rows = zip(table["shard"].to_pylist(), table["documents"].to_pylist(), strict=True)
    piece: Piece | None = None
    for shard, text in dict(rows).items():
        own = _piece(store, shard, left.get(shard, {})) if store.is_present(Ref(TEXTS, text)) else None
        if piece is not None and own is not None and own.place == piece.place:
            piece = _with(piece, own)
            continue
        if piece is not None:
            yield _without_what_left(store, piece)
        piece = own
    if piece is not None:
        yield _without_what_left(store, piece)


def _piece(store: Store, shard: str, left: Mapping[str, int]) -> Piece | None:
    """`left`: what has left it, with the tokens of what was trained on."""
    from pipeline_lib.store.joined import ids_left_in

    ref, num_dead_tokens = Ref(OF_TOKENS, shard), sum(left.values())
    found = store.condition(ref)
    if not found.is_present or found.manifest is None or not found.manifest.rows_out:
        return None
    part = store.held(ref)
    if part is not None and store.is_apart(ref) and not ids_left_in(store, part) <= set(left):
        part = None  # it was encoded again, since what had left stands again
    num_tokens = int(found.manifest.facts["num_tokens"]) - num_dead_tokens
    place = ref if part is None else part.joined
    return Piece((shard,), place, found.manifest.rows_out, num_tokens, len(left), num_dead_tokens)


def _with(piece: Piece, other: Piece) -> Piece:
    return Piece(
        (*piece.shards, *other.shards),
        piece.place,
        piece.num_rows + other.num_rows,
        piece.num_tokens + other.num_tokens,
        piece.num_dead + other.num_dead,
        piece.num_dead_tokens + other.num_dead_tokens,
    )


def _without_what_left(store: Store, piece: Piece) -> Piece:
    """What lies together already has no tokens of what had left then."""
    if piece.place.stage == OF_TOKENS:
        return piece
    facts = store.read(piece.place.stage, piece.place.fingerprint).facts
    num_left, num_left_tokens = int(facts["num_left_documents"]), int(facts["num_left_tokens"])
    return Piece(
        piece.shards,
        piece.place,
        max(0, piece.num_rows - num_left),
        piece.num_tokens,
        max(0, piece.num_dead - num_left),
        max(0, piece.num_dead_tokens - num_left_tokens),
    )


def _left_by_shard(excluded: "pa.Table") -> dict[str, dict[str, int]]:
    """By shard the documents that have left it, each with its tokens, 0 where it was not trained on."""
    left: dict[str, dict[str, int]] = {}
    columns = (excluded[name].to_pylist() for name in ("shard", "document_id", "num_tokens"))
    for shard, document, tokens in zip(*columns, strict=True):
        left.setdefault(shard, {})[document] = tokens or 0
    return left


def _groups(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Neighbours that are small enough to lie together."""
    group: list[Piece] = []
    for piece in pieces:
        own = [*group, piece]
        if group and (sum(one.num_tokens for one in own) > MOST_TOKENS or _num_shards(own) > MOST_SHARDS):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _num_shards(pieces: Sequence[Piece]) -> int:
    return sum(len(piece.shards) for piece in pieces)


def _is_worth_it(store: Store, piece: Piece, left: Mapping[str, Sequence[int]]) -> bool:
    """Whether a fifth of what one place has of documents or tokens has left."""
    from pipeline_lib.store.joined import left_in, opened_at, place_of

    num_rows = num_tokens = num_dead = num_dead_tokens = 0
    for shard, rows in left.items():
        path, span = place_of(store, shard)
        lengths = opened_at(path, span).lengths
        before = set() if span is None else set(left_in(span).tolist())
        new = [row for row in rows if row not in before]
        num_rows += len(lengths) - len(before)
        num_tokens += int(lengths.sum()) - int(lengths[list(before)].sum())
        num_dead, num_dead_tokens = num_dead + len(new), num_dead_tokens + int(lengths[new].sum())
    return num_dead > 0 and (num_dead >= DEAD_SHARE * num_rows or num_dead_tokens >= DEAD_SHARE * num_tokens)
