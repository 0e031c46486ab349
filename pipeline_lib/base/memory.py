"""Memory that this process does not get: how its libraries say so, and a limit below which none of them works.

`ulimit -v` bounds addresses, of which allocators and threads reserve far more than they use. Below a limit native code
ends the process with a word of its own, or threads cannot start, so it is asked for before anything begins. Tried on
two cores with a night of 60 documents: the data stages work from 1.2 GB on, but not in 1.5 (Arrow's allocator takes a
gigabyte where it can get one) and again from 2; a whole night fails in 1.5 and works in 4. In .25 the libraries cannot
even be loaded, in .3 a look at what is there works.
Light to import: the limit is asked for before they are.
"""

import errno
import os
import resource
from collections.abc import Iterator

from pipeline_lib.base.errors import SettingsError

LOOK_BYTES = 400_000_000  # of addresses
STAGE_BYTES = 2_000_000_000
NIGHT_BYTES = 4_000_000_000  # with a training, Prefect and MLflow
# By libraries whose errors are of no kind of their own: the loader of the system, C++, torch, threads.
SAID = (
    os.strerror(errno.ENOMEM),
    "failed to map segment",
    "bad_alloc",
    "can't allocate memory",
    "can't start new thread",
)
OUT_OF_MEMORY = (
    "out of memory: the machine, or a limit on this process, does not give what was asked for. Finished shards are "
    "kept; run again with more, with fewer resources.workers, or with a smaller ingest.max_shard_bytes."
)


def check_addresses(need_bytes: int) -> None:
    """Raise `SettingsError` where this process may not address so many bytes."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if resource.RLIM_INFINITY != limit < need_bytes:
        raise SettingsError(
            f"This process may address {limit / 1e9:.2f} GB (ulimit -v), and needs {need_bytes / 1e9:g}, most of "
            "which it never uses. Lift the limit (ulimit -v unlimited); to bound the memory that is used, run it in a "
            "group: systemd-run --user --scope -p MemoryMax=4G nightshift run."
        )


def is_of_memory(error: BaseException) -> bool:
    """Whether an error, or one behind it, says that there is no memory."""
    return any(
        isinstance(one, MemoryError)
        or (isinstance(one, OSError) and one.errno == errno.ENOMEM)
        or any(words in str(one) for words in SAID)
        for one in _chain(error)
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in seen:
        seen.append(one)
        yield one
        one = one.__cause__ or one.__context__
