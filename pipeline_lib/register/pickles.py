"""Whether a file is a pickle: by what a pickle machine would do with it, not by its name or its first byte.

Pickles of protocol 0 are plain text, and a pickle that is broken off has run all that stands before the break. So the
operations are followed from the first byte on, with the depth of the stack alone and nothing carried out, until one of
them could not be done. Text and weights fail within a few bytes (pickletools, of the standard library, reads them).
"""

import mmap
import pickletools
from pathlib import Path
from typing import IO, Any, cast

# What calls something, or gives an object its state.
CALLS = frozenset({"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"})
MAX_OPERATIONS = 1_000_000  # nothing else than a pickle goes on for so long
MIN_OPERATIONS = 3  # a text may begin with "N." or ")."


def is_pickle(path: Path) -> bool:
    """Whether a pickle machine that reads this file would call something, or come to an end."""
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        data = cast(IO[bytes], mapped)  # which reads no more than there is, whatever length a pickle claims
        levels = [0]  # how much lies on the stack since each mark
        try:
            for number, (operation, argument, _) in enumerate(pickletools.genops(data), 1):
                if not _is_importable(operation.name, argument) or not _step(levels, operation):
                    return False
                if operation.name in CALLS or number > MAX_OPERATIONS:
                    return True
        except (ValueError, OverflowError, RecursionError):  # no operation, or cut off
            return False
        return number >= MIN_OPERATIONS


def _is_importable(name: str, argument: Any) -> bool:
    """Whether what is to be imported is a name: lines of a text seldom are."""
    if name not in ("GLOBAL", "INST"):
        return True
    module, _, attribute = str(argument).partition(" ")
    return all(part.isidentifier() for part in (*module.split("."), *attribute.split(".")))


def _step(levels: list[int], operation: Any) -> bool:
    """Do what an operation does to the depth of the stack; whether enough lies there for it."""
    before, after = operation.stack_before, operation.stack_after
    if operation.name == "MARK":
        levels.append(0)
        return True
    if operation.name == "POP" and not levels[-1] and len(levels) > 1:
        levels.pop()
        return True
    needed = len(before)
    if pickletools.markobject in before:
        if len(levels) < 2:
            return False
        levels.pop()
        needed = before.index(pickletools.markobject)
    if levels[-1] < needed:
        return False
    levels[-1] += len(after) - needed
    return True
