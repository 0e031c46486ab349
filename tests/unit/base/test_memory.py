"""What says that memory is short, and the limit that is asked for before anything begins."""

import errno
import os
import resource

import pyarrow as pa
import pytest

import flows.cli
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.memory import OUT_OF_MEMORY, check_addresses, is_of_memory


def behind(first: BaseException, error: BaseException) -> BaseException:
    error.__cause__ = first
    return error


SHORT = [
    MemoryError(),
    pa.ArrowMemoryError("malloc of size 64 failed"),
    OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
    ImportError(f"libtorch_cpu.so: failed to map segment: {os.strerror(errno.ENOMEM)}"),
    ImportError("libarrow.so: failed to map segment from shared object"),
    RuntimeError("can't start new thread"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
    Exception("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"),
    behind(MemoryError(), ValueError("in the midst of it")),
]
OTHERS = [OSError(errno.ENOENT, "gone"), RuntimeError("no running event loop"), ImportError("no module"), ValueError()]


@pytest.mark.parametrize("error", SHORT, ids=lambda error: type(error).__name__)
def test_libraries_say_it_in_many_ways(error: BaseException) -> None:
    assert is_of_memory(error)


@pytest.mark.parametrize("error", OTHERS, ids=lambda error: type(error).__name__)
def test_other_errors_are_no_want_of_memory(error: BaseException) -> None:
    assert not is_of_memory(error)


def test_errors_that_stand_behind_each_other_are_looked_at_once() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert not is_of_memory(one)


@pytest.mark.parametrize("limit", [resource.RLIM_INFINITY, 3_000_000_000])
def test_a_limit_on_addresses_that_is_high_enough_is_none(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (limit, resource.RLIM_INFINITY))
    check_addresses(2_000_000_000)
    if limit > 0:
        with pytest.raises(SettingsError, match=r"may address 3\.00 GB \(ulimit -v\), and needs 4"):
            check_addresses(4_000_000_000)


@pytest.mark.parametrize("error", SHORT, ids=lambda error: type(error).__name__)
def test_a_command_that_gets_no_memory_ends_with_one_message(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_words: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(flows.cli, "app", fails)
    with pytest.raises(SystemExit) as left:
        flows.cli.main(["status"])
    assert left.value.code == 4
    assert capsys.readouterr().err == f"{OUT_OF_MEMORY}\n"
