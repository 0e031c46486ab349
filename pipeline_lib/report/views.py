"""The tables of a page: what the counts come to, as rows of plain values."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline_lib.clean.steps.counts import Count, table_of
from pipeline_lib.past.made import INGEST
from pipeline_lib.report import counts as key
from pipeline_lib.report.counts import Counts, only, split, values_of
from pipeline_lib.report.records import Record
from pipeline_lib.report.values import median
from pipeline_lib.stages import STAGES

SOURCE, LANGUAGE = 1, 2  # places in the keys of what a stage did
LAST = "tokenize"  # the stage behind which documents are kept


@dataclass(frozen=True)
class Flow:
    """What one stage did with the documents that came to it."""

    stage: str
    num_in: int
    num_out: int
    num_bytes: int | None  # of the text behind it; None: not known any more
    reasons: tuple[tuple[str, int], ...]  # the most frequent first

    @property
    def num_dropped(self) -> int:
        """Those that went."""
        return self.num_in - self.num_out


def funnel(counts: Counts) -> list[Flow]:
    """The stages that documents came to, in the order of the night."""
    came, kept, sizes = (split(counts, kind, 0) for kind in (key.IN, key.OUT, key.BYTES))
    return [
        Flow(stage.word, came[stage.word], kept[stage.word], sizes.get(stage.word), _reasons(counts, stage.word))
        for stage in STAGES
        if came[stage.word]
    ]


def _reasons(counts: Counts, stage: str) -> tuple[tuple[str, int], ...]:
    found = split(Counter({name: n for name, n in counts.items() if name[:2] == (key.DROPPED, stage)}), key.DROPPED, 1)
    return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class Compared:
    """A count of this night's documents, of all, and of all as they were the last night."""

    name: str
    new: int
    new_share: float | None  # None: nothing came
    all: int
    all_share: float | None
    before_share: float | None  # None: there is no night before

    @property
    def shift(self) -> float | None:
        """By how much the share of this night's documents is above that of the night before; of all, if none came."""
        share = self.all_share if self.new_share is None else self.new_share
        return None if share is None or self.before_share is None else share - self.before_share


def compared(record: Record, before: Record | None, kind: str, *places: int) -> list[Compared]:
    """One kind of counts by what stands in its places, over the documents that ingest met; the most frequent first."""
    bags = record.new, record.all, Counts() if before is None else before.all
    new, every, earlier = (split(bag, kind, *places) for bag in bags)
    of_new, of_all, of_earlier = (num_met(bag) for bag in bags)
    rows = [
        Compared(
            name, new[name], _share(new[name], of_new), every[name], _share(every[name], of_all),
            _share(earlier[name], of_earlier),
        )
        for name in {*every, *earlier}
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row.new, -row.all, row.name))


def num_met(counts: Counts) -> int:
    """Documents and broken records that ingest met."""
    return split(counts, key.IN, 0)[INGEST]


def _share(number: int, total: int) -> float | None:
    return number / total if total else None


@dataclass(frozen=True)
class Limit:
    """A rule that is on, as it is drawn."""

    rule: str
    bound: str  # "at_least" or "at_most"
    limit: float
    languages: str  # "": all


@dataclass(frozen=True)
class Signal:
    """How the values of a signal are spread."""

    name: str
    new: Mapping[float, int]  # of this night's documents
    earlier: Mapping[float, int]  # of all others
    limits: tuple[Limit, ...]

    @property
    def median(self) -> float | None:
        """Of this night's documents; of all, where none came."""
        return median(self.new or self.earlier)

    @property
    def median_before(self) -> float | None:
        """Of those before; None where there are none."""
        return median(self.earlier) if self.new else None

    @property
    def shift(self) -> float | None:
        """The first less the second."""
        one, other = self.median, self.median_before
        return None if one is None or other is None else one - other


def signals(record: Record) -> list[Signal]:
    """All signals there are, those that a rule judges first, in the order of the rules."""
    new, every = values_of(record.new), values_of(record.all)
    limits: dict[str, list[Limit]] = {}
    for rule, signal, bound, limit, languages in record.limits:
        limits.setdefault(str(signal), []).append(Limit(str(rule), str(bound), float(limit), str(languages)))
    judged = [name for name in limits if name in every]
    return [
        Signal(name, new.get(name, Counter()), every[name] - new.get(name, Counter()), tuple(limits.get(name, ())))
        for name in dict.fromkeys([*judged, *every])
    ]


@dataclass(frozen=True)
class Part:
    """What came of one source, or in one language, of all nights."""

    name: str
    num_in: int
    num_out: int
    num_new: int  # of them this night
    num_bytes: int
    num_tokens: int
    num_files: int  # that were read, in each batch in which they were; of a language 0

    @property
    def share(self) -> float | None:
        """Of what came in, what is kept."""
        return _share(self.num_out, self.num_in)


def parts(record: Record, place: int) -> list[Part]:
    """By what stands in a place of the keys, SOURCE or LANGUAGE; the largest first."""
    every, new = record.all, record.new
    came = split(only(every, 0, INGEST), key.IN, place)
    fresh = split(only(new, 0, INGEST), key.IN, place)
    kept = split(only(every, 0, LAST), key.OUT, place)
    sizes = split(only(every, 0, LAST), key.BYTES, place)
    tokens = split(every, key.TOKENS, place - 1)
    files = split(every, key.FILES, 0) if place == SOURCE else Counter[str]()
    rows = [Part(name, came[name], kept[name], fresh[name], sizes[name], tokens[name], files[name]) for name in came]
    return sorted(rows, key=lambda row: (-row.num_out, -row.num_in, row.name))


def scripts(record: Record) -> list[tuple[str, list[int]]]:
    """By source how many Chinese documents came in each of SCRIPTS; nothing where that is not counted."""
    counts = split(record.all, key.SCRIPT, 0, 1)
    sources = sorted(source for source, number in split(record.all, key.SCRIPT, 0).items() if number)
    return [(source, [counts[f"{source} {name}"] for name in key.SCRIPTS]) for source in sources]


@dataclass(frozen=True)
class Spent:
    """What a maker worked."""

    maker: str
    num_new: int  # artifacts of this night's batches
    new_seconds: float
    all_seconds: float


def spent(record: Record) -> list[Spent]:
    """The time of each maker, in the order of the stages, then the most of all first."""
    new, every = (split(counts, key.MILLISECONDS, 0) for counts in (record.new, record.all))
    works = split(record.new, key.WORKS, 0)
    order = {stage.word: place for place, stage in enumerate(STAGES)}
    rows = [Spent(maker, works[maker], new[maker] / 1000, every[maker] / 1000) for maker in every]
    return sorted(rows, key=lambda row: (order.get(row.maker.partition(".")[0], 99), -row.all_seconds, row.maker))


def text_steps(record: Record) -> list[tuple[str, Count]]:
    """What each step of clean did to the documents of this night, and how long it took."""
    bag = record.new
    changed, chars, spared = (split(bag, kind, 0) for kind in (key.CHANGED, key.CHARS_REMOVED, key.SPARED))
    seconds = {part: number / 1000 for part, number in split(bag, key.CPU_MILLISECONDS, 0).items()}
    names = {**changed, **spared}
    return table_of({name: Count(changed[name], chars[name], spared[name]) for name in names}, seconds)


@dataclass(frozen=True)
class Difference:
    """What this night has that the last one had not."""

    batches: Sequence[str]
    num_documents: int
    num_withdrawn: int  # documents of earlier batches that changed or went
    num_files_gone: int
    num_tokens: int | None  # of the snapshot, more than before
    is_other_recipe: bool  # all is counted by other rules than then


def difference(record: Record, before: Record | None) -> Difference:
    """Against the night before; against nothing on the first one."""
    change = dict(record.told.get("snapshot", {}).get("diff", {}))
    return Difference(
        batches=record.labels,
        num_documents=split(record.new, key.OUT, 0)[INGEST],
        num_withdrawn=split(record.new, key.WITHDRAWN, 0).total(),
        num_files_gone=split(record.new, key.GONE_FILES, 0).total(),
        num_tokens=change.get("num_tokens"),
        is_other_recipe=before is not None and before.recipe != record.recipe,
    )
