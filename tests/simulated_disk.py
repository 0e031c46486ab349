"""A folder on which power cuts and errors can be tried: real files, and a model of what of them is durable.

    disk = Disk(root, faults={17: "cut"})      the 17th call that changes or flushes something there is the last one
    with disk.mounted():                       the calls of this process go through it
        ...                                    raises `PowerCut`
    disk.restart(random)                       leaves what a power cut may leave

The model is that of POSIX: what a file holds is durable once it was flushed (fsync), its name once its folder was.
After a cut each name that was not is there or not, or still leads to what it led to before, each for itself; and each
file that was not flushed holds what was written, what was flushed last, a part of it, or zeros under its full size.
A disk that `lies` takes each flush and does nothing: on it the laws of whoever relies on flushes must break.
Faults: "cut"; "kill", after which the machine runs on; "enospc" (also with half of the bytes written) and "eio", as the
system raises them, once, at that call.
"""

import builtins
import errno
import io
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pipeline_lib.store import files

ERRORS = {"enospc": errno.ENOSPC, "eio": errno.EIO}
Names = dict[str, int]  # of a folder: by name the number of the file or folder
Live = tuple[bytes, os.stat_result]  # of a file: what it holds, written or not


class PowerCut(BaseException):
    """Nothing of this process runs on; no handler of errors may catch it."""


class Killed(PowerCut):
    """The same, but what was written is there for who comes next, until the power is cut."""


ENDS = {"cut": PowerCut, "kill": Killed}


@dataclass
class Disk:
    """The folder `root`, and what of it is durable. `graves` lies on the same disk: a file there is in no other use."""

    root: Path
    graves: Path
    faults: Mapping[int, str] = field(default_factory=dict)  # by the number of the call
    clock: Callable[[], float] = time.time
    lies: bool = False
    num_calls: int = 0
    is_cut: bool = False
    flushed: dict[int, bytes] = field(default_factory=dict)  # by file, what it held when it was flushed
    named: dict[int, Names] = field(default_factory=dict)  # by folder, the names it had when it was flushed
    _open: list[int] = field(default_factory=list)  # of folders: so that no number is given twice
    _paths: dict[int, Path] = field(default_factory=dict)  # by descriptor what it was opened for last

    def __post_init__(self) -> None:
        self.graves.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(parents=True, exist_ok=True)
        self._settle()

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Let the calls of this process that concern `root` go through the disk."""
        with ExitStack() as stack:
            for name in ("rename", "replace", "link", "unlink", "remove", "mkdir", "rmdir"):
                stack.enter_context(patch.object(os, name, self._counted(getattr(os, name))))
            stack.enter_context(patch.object(os, "open", self._noting(os.open)))
            stack.enter_context(patch.object(os, "fsync", self._fsync(os.fsync)))
            opening = self._opening(io.open)
            stack.enter_context(patch.object(io, "open", opening))
            stack.enter_context(patch.object(builtins, "open", opening))
            stack.enter_context(patch.object(time, "time", self.clock))
            yield

    def restart(self, seeded: random.Random) -> None:
        """Let `root` be what the cut may have left, by chance; all of it is durable then."""
        paths = [self.root, *self.root.rglob("*")]
        folders = {_number(path): _names_in(path) for path in paths if path.is_dir()}
        live = {_number(path): (path.read_bytes(), path.stat()) for path in paths if path.is_file()}
        left = self.root.with_name(f"{self.root.name}.left")
        self._leave(_number(self.root), left, folders, live, seeded)
        shutil.rmtree(self.root)
        left.rename(self.root)
        self._forget()
        self.go_on()
        self._settle()

    def go_on(self) -> None:
        """Another process may begin."""
        self.is_cut, self.num_calls, self.faults = False, 0, {}
        files._flushed.clear()

    def close(self) -> None:
        """Let go what is held of it."""
        self._forget()
        shutil.rmtree(self.graves)

    def _leave(
        self, folder: int, target: Path, folders: Mapping[int, Names], live: Mapping[int, Live], seeded: random.Random
    ) -> None:
        """Put what is left of a folder under `target`."""
        target.mkdir()
        now, durable = folders.get(folder, {}), self.named.get(folder, {})
        for name in sorted(now.keys() | durable.keys()):
            number = seeded.choice((now.get(name), durable.get(name)))
            if number is None:
                continue
            if number in self.named or number in folders:
                self._leave(number, target / name, folders, live, seeded)
            else:
                self._leave_file(number, target / name, live, seeded)

    def _leave_file(self, number: int, target: Path, live: Mapping[int, Live], seeded: random.Random) -> None:
        flushed = self.flushed.get(number)
        content, status = live.get(number, (flushed or b"", None))
        if content != flushed:
            torn = content[: seeded.randint(0, len(content))]
            content = seeded.choice((content, flushed or b"", torn, bytes(len(content))))
        target.write_bytes(content)
        if status is not None:  # times and size may be durable before what they are of
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _settle(self) -> None:
        """All that is there is durable."""
        for path in (self.root, *self.root.rglob("*")):
            if path.is_dir():
                self._keep_folder(path)
                self.named[_number(path)] = _names_in(path)
            else:
                self._keep_file(path)
                self.flushed[_number(path)] = path.read_bytes()

    def _forget(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()
        self.flushed.clear()
        self.named.clear()
        shutil.rmtree(self.graves)
        self.graves.mkdir()

    def _keep_file(self, path: Path) -> None:
        grave = self.graves / str(_number(path))
        if not grave.exists():
            _link(path, grave)

    def _keep_folder(self, path: Path) -> None:
        self._open.append(_open(path, os.O_RDONLY | os.O_DIRECTORY))

    def _concerns(self, path: Any, folder: int | None = None) -> bool:
        if isinstance(path, int):
            return False
        return self._place(path, folder).is_relative_to(self.root)

    def _place(self, path: Any, folder: int | None) -> Path:
        """What a call names, where it names a folder by its descriptor. Descriptors of others lead nowhere."""
        above = Path() if folder is None else self._paths.get(folder, Path())
        return above / os.fsdecode(path)

    def _call(self) -> str | None:
        """Count a call; what befalls it. Raises `PowerCut` from the cut on."""
        if self.is_cut:
            raise PowerCut
        self.num_calls += 1
        fault = self.faults.get(self.num_calls)
        if fault in ENDS:
            self.is_cut = True
            raise ENDS[fault]
        return fault

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(path: Any, *args: Any, **kwargs: Any) -> Any:
            folder = kwargs.get("dir_fd", kwargs.get("src_dir_fd"))
            if self._concerns(path, folder):
                _raise(self._call(), path)
            done = call(path, *args, **kwargs)
            if call is _mkdir and self._concerns(path, folder):
                self._keep_folder(Path(path))
            return done

        return counted

    def _noting(self, call: Callable[..., int]) -> Callable[..., int]:
        def opened(path: Any, *args: Any, dir_fd: int | None = None, **kwargs: Any) -> int:
            descriptor = call(path, *args, dir_fd=dir_fd, **kwargs)
            self._paths[descriptor] = self._place(path, dir_fd)
            return descriptor

        return opened

    def _fsync(self, call: Callable[[int], None]) -> Callable[[int], None]:
        def fsync(descriptor: int) -> None:
            path = self._paths.get(descriptor, Path())
            if not path.is_relative_to(self.root):
                call(descriptor)
                return
            _raise(self._call(), path)
            if self.lies:
                return
            if path.is_dir():
                self.named[_number(path)] = _names_in(path)
            else:
                self.flushed[_number(path)] = path.read_bytes()

        return fsync

    def _opening(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def opening(path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if not self._concerns(path):
                return call(path, mode, *args, **kwargs)
            fault = self._call()
            _raise("eio" if fault == "eio" else None, path)
            file = call(path, mode, *args, **kwargs)
            self._paths[file.fileno()] = Path(path)
            if set(mode) <= set("rbt"):
                return file
            self._keep_file(Path(path))
            return _Writing(file, self, Path(path), fault)

        return opening


class _Writing:
    """A file that is written to: each write is a call of the disk."""

    def __init__(self, file: Any, disk: Disk, path: Path, fault: str | None) -> None:
        self._file, self._disk, self._path, self._fault = file, disk, path, fault

    def write(self, data: Any) -> Any:
        fault = self._disk._call() or self._fault
        if fault in ERRORS:
            self._file.write(data[: len(data) // 2])
            self._file.flush()
            _raise(fault, self._path)
        done = self._file.write(data)
        self._file.flush()
        return done

    def __enter__(self) -> "_Writing":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


_link, _open, _mkdir = os.link, os.open, os.mkdir


def _number(path: Path) -> int:
    return path.stat(follow_symlinks=False).st_ino


def _names_in(folder: Path) -> Names:
    return {entry.name: entry.inode() for entry in os.scandir(folder)}


def _raise(fault: str | None, path: Any) -> None:
    if fault in ERRORS:
        raise OSError(ERRORS[fault], os.strerror(ERRORS[fault]), str(path))
