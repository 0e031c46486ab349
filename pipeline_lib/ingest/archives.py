"""Archives: containers of files, each of which the reader of its own suffix reads (decision 0029).

    path#member          a member that is one document
    path#member#part     a record of a member

The name of a member is escaped as paths are, so that no two places have one name. Records and what is bad are numbered
through the whole archive, in its order, whether all are asked for or some lines only. What is not read is counted by
kind, a row each with one example: a member is as little lost in silence as a file of a folder is.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from pipeline_lib.ingest.kinds import ARCHIVES, Reader, kind_of, untaken
from pipeline_lib.ingest.members import Member, escaped, is_hidden, shown
from pipeline_lib.ingest.records import EMPTY_FILE, PASSED_OVER, USUAL_BYTES, Bad, ReadOptions, Record, Unreadable
from pipeline_lib.ingest.streams import BOMB, Allowance, Stream, pulled
from pipeline_lib.ingest.tarred import members_of_tar
from pipeline_lib.ingest.unread import Unread, passed_over
from pipeline_lib.ingest.zipped import members_of_zip

MOST_MEMBERS = 1 << 20
HIDDEN = f"{PASSED_OVER}hidden"

Members = Callable[[Stream], Iterator[Member]]


def archives_of(readers: Mapping[str, Reader]) -> dict[str, Reader]:
    """The readers of archives, by suffix, whose members these `readers` read.

    An archive within an archive is not descended into, but counted: a bomb packs once more what it packed at each step,
    and a zip can hold itself.
    """
    known = dict(readers)
    return {".tar": partial(_read, members_of_tar, known), ".zip": partial(_read, members_of_zip, known)}


def _read(
    members_of: Members, readers: Mapping[str, Reader], stream: Stream, options: ReadOptions
) -> Iterator[Record | Bad]:
    """The records of all members, numbered from 1."""
    items = _items(members_of(stream), readers, stream.allowance, options)
    for number, item in enumerate(items, start=1):
        yield item._replace(line=number) if isinstance(item, Record) else replace(item, line=number)


def _items(
    members: Iterator[Member], readers: Mapping[str, Reader], allowance: Allowance, options: ReadOptions
) -> Iterator[Record | Bad]:
    """The same without numbers; then what was not read; at last the fault that cut the archive off, if one did."""
    unread, fault, num_members = Unread(), None, 0
    try:
        for num_members, member in enumerate(members, start=1):
            if num_members > MOST_MEMBERS:
                raise Unreadable(f"more than {MOST_MEMBERS:,} members")
            if reason := _why_not_read(member, readers):
                unread.add(reason, "" if reason == HIDDEN else shown(member.name))
                continue
            yield from _read_member(member, readers, allowance, options)
            if allowance.is_spent:
                raise Unreadable(BOMB)
    except Unreadable as exc:
        fault = exc
    yield from unread.rows()
    if fault is None and num_members == 0:
        fault = Unreadable(EMPTY_FILE)
    if fault is not None:
        raise fault


def _why_not_read(member: Member, readers: Mapping[str, Reader]) -> str:
    if is_hidden(member.name):
        return HIDDEN
    if member.refusal.startswith(PASSED_OVER):
        return member.refusal
    suffix, _ = kind_of(member.name)
    if suffix not in readers:
        return passed_over(untaken(member.name) + (" within an archive" if suffix in ARCHIVES else ""))
    return member.refusal or (EMPTY_FILE if member.num_bytes == 0 else "")


def _read_member(
    member: Member, readers: Mapping[str, Reader], allowance: Allowance, options: ReadOptions
) -> Iterator[Record | Bad]:
    suffix, compression = kind_of(member.name)
    raw = pulled(allowance.counted(member.chunks))
    stream = Stream(raw, compression, member.num_bytes, options.max_expansion, within=allowance)
    own, num_read = escaped(member.name), 0
    try:
        for item in readers[suffix](stream, options):
            num_read += 1
            if isinstance(item, Record):
                yield item._replace(part=own if item.part is None else f"{own}#{item.part}")
            else:
                yield replace(item, within=shown(member.name) + ("" if item.line is None else f":{item.line}"))
    except Unreadable as exc:
        # What is cut off within a member is weighed by it, not by the whole archive (decision 0027).
        num_rows = max(1, num_read, member.num_bytes // USUAL_BYTES) if exc.num_rows is None else exc.num_rows
        yield Bad(None, str(exc), num_rows, shown(member.name))
