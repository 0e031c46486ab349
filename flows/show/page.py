"""The page of a refresh as HTML: tables, pictures and samples, put into one template that escapes all it is given.

counts, samples -> tables of texts -> report.html -> one file without script, font or picture of another place
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from flows.show import plots
from flows.show.tables import lasting
from pipeline_lib.base.words import counted
from pipeline_lib.report import counts as key
from pipeline_lib.report import views
from pipeline_lib.report.night import limit_said
from pipeline_lib.report.quality import measures
from pipeline_lib.report.records import BEGIN, END, Record
from pipeline_lib.report.samples import Sample
from pipeline_lib.report.views import Compared, Flow, Signal

TEMPLATE = "report.html"
HEADINGS = (
    ("new", "What is new"),
    ("funnel", "Funnel"),
    ("signals", "Signals"),
    ("sources", "Sources and languages"),
    ("quality", "Quality"),
    ("time", "Time"),
)
NONE = "–"
MOST_KINDS = 12  # of files that are not read
MOST_PARTS = 100  # sources or languages that are shown
MOST_TERMS = 50


@dataclass(frozen=True)
class Column:
    """Of a table."""

    name: str
    is_number: bool = True


@dataclass(frozen=True)
class Table:
    """Rows of texts: the first of each names it."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    nothing: str = "Nothing."


def _table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, texts: Sequence[str] = ()) -> Table:
    """A table in which all columns but the first, and those that hold `texts`, are numbers."""
    made = [Column(name, at > 0 and name not in texts) for at, name in enumerate(columns)]
    return Table(caption, made, rows)


def html_of(record: Record, before: Record | None, samples: Sequence[Sample]) -> str:
    """The page."""
    loader = FileSystemLoader(Path(__file__).parent)
    template = Environment(autoescape=True, undefined=StrictUndefined, loader=loader).get_template(TEMPLATE)
    flows, found = views.funnel(record.all), views.signals(record)
    day = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(record.created))
    new = views.funnel(record.new)
    return template.render(
        title=f"Refresh of {day}",
        subtitle=_subtitle(record, before),
        sentence=record.told.get("sentence", ""),
        headings=HEADINGS,
        news=list(_news(record, before)),
        notes=list(_notes(record)),
        funnel_picture=plots.bars(flows),
        funnel=_funnel("All nights", flows),
        funnel_new=_funnel("This night", new) if before is not None and new else None,
        reasons=_reasons(record, before),
        signals=[{"name": one.name, "told": _told(one), "picture": plots.histogram(one)} for one in found],
        rules=_rules(record, before),
        sources=_parts("By source", record, views.SOURCE),
        languages=_parts("By language", record, views.LANGUAGE),
        terms=_terms(record),
        entities=_entities(record),
        quality=_quality(record),
        time=_time(record),
        samples=_groups(samples),
        begin=Markup(BEGIN),
        end=Markup(END),
    )


def _subtitle(record: Record, before: Record | None) -> str:
    snapshot = str(record.told.get("snapshot", {}).get("digest", ""))[:8]
    compared = "the first page" if before is None else f"compared with that of {before.name[:10]}"
    return ", ".join(filter(None, [record.profile, snapshot and f"snapshot {snapshot}", compared]))


def _news(record: Record, before: Record | None) -> Iterator[str]:
    """What is new, in sentences."""
    found = views.difference(record, before)
    yield from record.told.get("changes", ())
    came = f"batch {found.batches[0]}" if len(found.batches) == 1 else f"{len(found.batches):,} batches"
    yield f"{came}: {counted(found.num_documents, 'document')} came"
    if found.num_withdrawn or found.num_files_gone:
        gone = counted(found.num_files_gone, "file")
        yield f"{counted(found.num_withdrawn, 'document')} of earlier nights changed or went; {gone} gone"
    if found.num_tokens is not None:
        yield f"{found.num_tokens:+,} tokens to train on"
    if found.is_other_recipe:
        yield "other rules, settings, key or tokenizer than then: all documents are counted by today's"
    shifts = [row for row in views.compared(record, before, key.DROPPED, 0, 1) if row.shift]
    for row in sorted(shifts, key=lambda row: -abs(row.shift or 0))[:3]:
        reason = row.name.replace(" ", ": ", 1)
        yield f"{reason}: {_points(row.shift)} of documents, {_percent(row.before_share)} before"


def _notes(record: Record) -> Iterator[str]:
    yield from record.told.get("notes", ())
    kinds = sorted(record.told.get("passed_over", {}).items(), key=lambda item: (-item[1], item[0]))
    if kinds:
        shown = [f"{kind} {number:,}" for kind, number in kinds[:MOST_KINDS]]
        more = [f"{len(kinds) - MOST_KINDS:,} more kinds"] if len(kinds) > MOST_KINDS else []
        total = counted(sum(number for _, number in kinds), "file")
        yield f"{total} not read, since no reader takes them: {', '.join([*shown, *more])}"
    if unseen := views.split(record.all, key.UNSEEN, 0).total():
        yield f"{counted(unseen, 'shard')} not counted: text or signals of them are not there any more"


def _funnel(caption: str, flows: Sequence[Flow]) -> Table:
    rows = [
        [
            flow.stage,
            f"{flow.num_in:,}",
            f"{flow.num_out:,}",
            f"{flow.num_dropped:,}",
            NONE if flow.num_bytes is None else _bytes(flow.num_bytes),
            ", ".join(f"{reason} {number:,}" for reason, number in flow.reasons) or NONE,
        ]
        for flow in flows
    ]
    columns = ("stage", "in", "kept", "dropped", "text kept", "why")
    return _table(caption, columns, rows, texts=("why",))


COMPARED = ("this night", "share", "all nights", "share of all", "the night before", "shift")


def _compared(rows: Sequence[Compared], names: Sequence[Sequence[str]], before: Record | None) -> list[list[str]]:
    """The cells of COMPARED behind those that name a row, as far as there is something to compare with."""
    cells = [
        [f"{row.new:,}", _percent(row.new_share), f"{row.all:,}", _percent(row.all_share)]
        + ([] if before is None else [_percent(row.before_share), _points(row.shift)])
        for row in rows
    ]
    return [[*name, *own] for name, own in zip(names, cells, strict=True)]


def _columns(before: Record | None) -> Sequence[str]:
    return COMPARED[:4] if before is None else COMPARED


def _reasons(record: Record, before: Record | None) -> Table:
    found = views.compared(record, before, key.DROPPED, 0, 1)
    names = [row.name.replace(" ", ": ", 1) for row in found]
    rows = _compared(found, [[name] for name in names], before)
    return _table("Why documents went, as shares of what the sources offered", ("reason", *_columns(before)), rows)


def _rules(record: Record, before: Record | None) -> Table:
    limits = {str(rule): limit_said(str(bound), float(limit)) for rule, _, bound, limit, _ in record.limits}
    languages = {str(rule): str(language) for rule, _, _, _, language in record.limits}
    found = views.compared(record, before, key.FAILED, 0)
    alone = views.split(record.all, key.ALONE, 0)
    names = [
        [row.name, limits.get(row.name, NONE), languages.get(row.name) or "all", f"{alone[row.name]:,}"]
        for row in found
    ]
    columns = ("rule", "limit", "languages", "nothing else", *_columns(before))
    caption = "Rules that documents fail; one may fail several. Nothing else: of all nights, those that fail this alone"
    return _table(caption, columns, _compared(found, names, before), texts=("limit", "languages"))


def _told(signal: Signal) -> str:
    """The caption of a histogram."""
    limits = (
        limit_said(one.bound, one.limit) + (f" ({one.languages})" if one.languages else "") for one in signal.limits
    )
    before = "" if signal.shift is None else f", {_figure(signal.median_before)} before ({signal.shift:+.3g})"
    before = ", as before" if signal.shift == 0 else before
    return "; ".join([f"median {_figure(signal.median)}{before}", *limits])


def _parts(caption: str, record: Record, place: int) -> Table:
    found = views.parts(record, place)
    has_files = place == views.SOURCE
    rows = [
        [
            part.name,
            *([f"{part.num_files:,}"] if has_files else []),
            f"{part.num_in:,}",
            f"{part.num_new:,}",
            f"{part.num_out:,}",
            _percent(part.share),
            _bytes(part.num_bytes),
            f"{part.num_tokens:,}",
        ]
        for part in found[:MOST_PARTS]
    ]
    more = f"; {len(found) - MOST_PARTS:,} more are not shown" if len(found) > MOST_PARTS else ""
    files = ("files read",) if has_files else ()
    columns = ("name", *files, "came", "this night", "kept", "share kept", "text", "tokens")
    return _table(f"{caption}, of all nights{more}", columns, rows)


def _terms(record: Record) -> Table | None:
    """The terms of the user's list, the most frequent first; None without a list."""
    every, new, holding = (
        views.split(counts, kind, 0)
        for counts, kind in ((record.all, key.TERM), (record.new, key.TERM), (record.all, key.HOLDING))
    )
    found = sorted(every, key=lambda term: (-every[term], term))
    rows = [[term, f"{new[term]:,}", f"{every[term]:,}", f"{holding[term]:,}"] for term in found[:MOST_TERMS]]
    more = f"; {len(found) - MOST_TERMS:,} more are not shown" if len(found) > MOST_TERMS else ""
    columns = ("term", "this night", "all nights", "documents")
    return _table(f"Terms of the list, in all documents that came{more}", columns, rows) if found else None


def _entities(record: Record) -> Table | None:
    """What a pipeline of the user's found, by label; None without one."""
    every, new = (views.split(counts, key.ENTITY, 0) for counts in (record.all, record.new))
    rows = [[label, f"{new[label]:,}", f"{every[label]:,}"] for label in sorted(every)]
    return (
        _table("Entities by label, in all documents that came", ("label", "this night", "all nights"), rows)
        if rows
        else None
    )


def _quality(record: Record) -> Table:
    rows = [[f"{one.characteristic}: {one.what}", one.value, one.how] for one in measures(record)]
    return _table("Measures", ("measure", "value", "how it is computed"), rows, texts=("value", "how it is computed"))


def _time(record: Record) -> Table:
    rows = [
        [one.maker, f"{one.num_new:,}", lasting(one.new_seconds), lasting(one.all_seconds)]
        for one in views.spent(record)
    ]
    columns = ("maker", "artifacts of this night", "time of this night", "time of all")
    return _table("Time of work by step, summed over all processes", columns, rows)


def _groups(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """The samples under their reasons."""
    groups = groupby(samples, key=lambda one: (one.stage, one.reason))
    return [{"heading": _heading(*name), "samples": list(own)} for name, own in groups]


def _heading(stage: str, reason: str) -> str:
    return f"{stage}: {reason}" if stage else "Kept"


def _bytes(number: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number} B"


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{share:.2%}"


def _points(shift: float | None) -> str:
    """A difference of shares, in percentage points."""
    return NONE if shift is None else f"{100 * shift:+.2f} points"


def _figure(value: float | None) -> str:
    return NONE if value is None else f"{value:,.4g}"
