"""From the frontier of a crawl to a landing: rows of pages in pieces, their WARC files, and what is known of addresses.

    00000001.parquet      the pages as rows (landed.py): their texts, and what is told of them
    00000001.warc.gz      the same pages as they were answered, in the same order
    known.jsonl.gz        an address a line: what to ask for, and how, the next time

A page that did not change keeps its row and its member of the WARC file, byte by byte. What the next crawl needs stands
apart from the rows, so that an ETag that is another one each night makes no piece another one.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.ingest.charset import decode, decode_html
from pipeline_lib.ingest.crawl import outcomes
from pipeline_lib.ingest.crawl.found import FEED, PAGE, Found
from pipeline_lib.ingest.crawl.frontier import DONE, Frontier
from pipeline_lib.ingest.crawl.judged import format_of, label_of
from pipeline_lib.ingest.crawl.landed import FETCHED, FORMAT
from pipeline_lib.ingest.crawl.warc import Page, members, unpacked_member
from pipeline_lib.ingest.landed import Row, landed_rows, link
from pipeline_lib.ingest.landing import Landing
from pipeline_lib.ingest.plan import LANDING_FILE
from pipeline_lib.ingest.records import Unreadable
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.files import read_json
from pipeline_lib.store.forgotten import FORGOTTEN, Refused

KNOWN_FILE = "known.jsonl.gz"
WARC = ".warc.gz"


class NobodyAnswered(UpstreamError):
    """No host of a crawl has answered."""


def read_known(landing: Path | None, asks: str) -> Iterator[Found]:
    """What a landing knows of addresses.

    Where something else was asked for then, pages are asked for without their versions: they may lead further now.
    """
    if landing is None:
        return
    is_same = read_json(landing / LANDING_FILE)["asks"] == asks
    with gzip.open(landing / KNOWN_FILE, "rt", encoding="utf-8") as lines:
        for line in lines:
            found = Found(**json.loads(line))
            yield found if is_same else replace(found, etag="", modified="")


def write_landing(
    landing: Landing, frontier: Frontier, folder: Path, before: Path | None, max_gone_share: float, refused: Refused
) -> Outcome:
    """Fill the folder of a landing from a frontier that is done. Raises `GuardStop` where too many pages are gone."""
    ends = _ends(frontier)
    for row in frontier.rows():
        if row["is_known"] and _outcome(row) in outcomes.KEEP | {outcomes.SAME}:
            landing.there(row["url"], is_deleted=False)
    num_refused = 0
    for row in frontier.rows():
        if row["outcome"] == outcomes.LANDED and row["kind"] == PAGE:
            num_refused += refused.has(row["url"])
            landing.add(row_of(unpacked_member(frontier.member(row["start"], row["length"]))), is_deleted=False)
    outcome = landing.write(None, max_gone_share)
    _write_warcs(frontier, folder, before)
    _write_known(frontier, folder / KNOWN_FILE, refused)
    counts = frontier.counts() | ({FORGOTTEN: num_refused} if num_refused else {})
    return _told(outcome, ends, counts)


def row_of(page: Page) -> Row:
    """A page as it lands."""
    written = format_of(page.header("content-type"), page.body) or "text"
    told, text, fault = dict(page.told), None, None
    label = label_of(page.header("content-type"))
    try:
        decoded = decode_html(page.body, label) if written == "html" else decode(page.body, lambda _: label)
        text, told = decoded.text, told | (decoded.metadata or {})
    except Unreadable as exc:
        fault = str(exc)
    told |= {FETCHED: page.fetched.isoformat(), FORMAT: written}
    return Row(page.url, page.url, text, fault, metadata=tuple(sorted(told.items())))


def _outcome(row: Mapping[str, Any]) -> str:
    return str(row["outcome"]) if row["state"] == DONE else outcomes.NOT_REACHED


def _ends(frontier: Frontier) -> Counter[tuple[str, bool]]:
    """How many pages ended how, those that landed before and the others."""
    found = Counter[tuple[str, bool]]()
    for (kind, outcome, is_known), num in frontier.outcomes().items():
        if kind == PAGE:
            found[outcome or outcomes.NOT_REACHED, is_known] += num
    return found


def check_answered(frontier: Frontier, source: str) -> None:
    """Raises `NobodyAnswered` where nobody has answered: a site that is down is no empty site."""
    ends = _ends(frontier)
    found = sorted({outcome for outcome, _ in ends})
    if found and outcomes.NO_ANSWER.issuperset(found):
        reasons = ", ".join(f"{outcome} {ends[outcome, True] + ends[outcome, False]}" for outcome in found)
        raise NobodyAnswered(
            f"ingest: no page of source {source!r} was answered ({reasons}). Look whether its hosts can be reached "
            "and their robots.txt answers; a host that is private has to be named in allow_private. Then run again."
        )


def _write_warcs(frontier: Frontier, folder: Path, before: Path | None) -> None:
    """Write beside each piece the answers of its pages; beside one that is as it was, link what lay there."""
    for piece in sorted(folder.glob("*.parquet")):
        target, old = _beside(piece), None if before is None else before / piece.name
        if old is not None and old.is_file() and _is_same(old, piece):
            link(_beside(old), target)
            continue
        kept = _members_of(_beside(old)) if old is not None and old.is_file() else {}
        with piece.open("rb") as rows, target.open("wb") as out:
            for row in landed_rows(rows):
                out.write(frontier.member_of(row.url) or kept[row.url])


def _members_of(warc: Path) -> dict[str, bytes]:
    with warc.open("rb") as raw:
        return {page.url: member for member, page in members(raw)}


def _is_same(old: Path, new: Path) -> bool:
    return old.samefile(new) or (old.stat().st_size == new.stat().st_size and old.read_bytes() == new.read_bytes())


def _beside(piece: Path) -> Path:
    return piece.with_name(piece.name.removesuffix(".parquet") + WARC)


def _write_known(frontier: Frontier, path: Path, refused: Refused) -> None:
    with path.open("wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as out:
        for row in frontier.rows():
            if row["kind"] in (PAGE, FEED) and not refused.has(row["url"]) and (known := _known(row)) is not None:
                out.write(json.dumps(known, sort_keys=True).encode() + b"\n")


def _known(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the next crawl is told of an address; None where it need not know it."""
    outcome = _outcome(row)
    is_there = outcome in (outcomes.LANDED, outcomes.SAME) or (row["is_known"] and outcome in outcomes.KEEP)
    if outcome in outcomes.FORGET:
        return None
    late = {"late": True} if outcome == outcomes.NOT_REACHED and row["is_known"] else {}
    kind = {} if row["kind"] == PAGE else {"kind": row["kind"]}
    if kind:
        return {"url": row["url"], "depth": row["depth"], **kind}
    names = ("etag", "modified", "body")
    about = {"is_known": True, **{name: row[name] for name in names if row[name]}} if is_there else {}
    return {"url": row["url"], "depth": row["depth"], **late, **about}


def _told(outcome: Outcome, ends: Counter[tuple[str, bool]], counts: Mapping[str, int]) -> Outcome:
    """What a landing says of its crawl. Dropped is what was found and is not there; what stays as it was is a fact."""
    there = (outcomes.LANDED, outcomes.SAME)
    dropped = Counter(outcome.dropped)
    for (end, is_known), num in ends.items():
        if end not in there and end != outcomes.MOVED and not (is_known and end in outcomes.KEEP):
            dropped[end] += num
    dropped.update(counts)
    kept = Counter({end: num for (end, is_known), num in ends.items() if is_known and end in outcomes.KEEP})
    facts = {
        **outcome.facts,
        "num_unchanged": ends[outcomes.SAME, True],
        "num_moved": ends[outcomes.MOVED, True] + ends[outcomes.MOVED, False],
        **{f"num_kept_{end}": num for end, num in sorted(kept.items())},
    }
    return Outcome(
        outcome.rows_out + sum(dropped.values()),
        outcome.rows_out,
        dict(sorted(dropped.items())),
        outcome.file_rows,
        facts,
    )
