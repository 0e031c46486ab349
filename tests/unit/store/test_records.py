"""Small JSON files as other releases, editors and full disks leave them: state is refused, comfort is passed over."""

import errno
import json
import logging
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import MISSING, asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import DataError
from pipeline_lib.plan.basis import Basis, Waiting
from pipeline_lib.plan.best import Best
from pipeline_lib.store.artifact import Ref, with_seal
from pipeline_lib.store.files import open_lock, put_aside
from pipeline_lib.store.records import open_log, read_comfort, read_lines, sort_lines, write_comfort, write_state
from pipeline_lib.store.workspace import Batch, RunRecord, Workspace

NAMES = [field.name for field in fields(RunRecord)]
DEFAULTS = {field.name: field.default for field in fields(RunRecord) if field.default is not MISSING}
REQUIRED = [name for name in NAMES if name not in DEFAULTS]
NULLABLE = ("ended", "summary", "flow_run_id", "stage_seconds", "cpu_seconds")
WHOLE = RunRecord("r1", "nightly", 77, 1000.5, 2000.0, "completed", "train", 2100.0, 2200.0, "fine", {"a": [1]}, "f")

# Values that no field takes, or none of its kind: JSON as anybody may have left it there.
WRONG: dict[str, list[str]] = {
    "text": ["1", "true", "[]", "{}", '"\\ud800"'],
    "number": ['"1"', "true", "[]", "{}", "-1", "NaN", "1e400", "1e300"],
    "flag": ["0", '"true"', "[]"],
    "mapping": ["1", '"a"', "[]"],
}
KINDS = {"process_id": "number", "process_started": "number", "started": "number", "stage_started": "number"}
KINDS |= {"ended": "number", "summary": "mapping", "stage_seconds": "mapping", "cpu_seconds": "mapping"}
KINDS |= {"is_reaped": "flag"}
WRONG_FIELDS = [(name, value) for name in NAMES for value in WRONG[KINDS.get(name, "text")]]
WRONG_FIELDS += [("process_id", value) for value in ("0", "1.5", "4294967296", "99999999999999999999")]
WRONG_FIELDS += [
    ("cpu_seconds", '{"clean.text": "long"}'),
    ("stage_seconds", '{"train": "long"}'),
    ("summary", "[" * 3000 + "]" * 3000),
]
NO_RECORDS = ["", "{", "null", "3", '"text"', "[]", "[1]", "{}", "\x00", "[" * 100_000, '{"run_id": "r1"}']


@pytest.fixture(autouse=True)
def _notices(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "state" / "runs").mkdir(parents=True)
    return Workspace(tmp_path)


def write_run(workspace: Workspace, text: str, name: str = "r1") -> None:
    (workspace.state / "runs" / f"{name}.json").write_text(text, encoding="utf-8")


def changed(**parts: str) -> str:
    """The whole record, some fields replaced by JSON texts."""
    return (
        "{"
        + ", ".join(f'"{n}": {v}' for n, v in ({n: json.dumps(v) for n, v in asdict(WHOLE).items()} | parts).items())
        + "}"
    )


def test_a_record_comes_back_as_it_was_saved_without_a_word(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    workspace.save_run(WHOLE)
    assert workspace.runs() == [WHOLE]
    assert caplog.messages == []


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_field_that_an_older_release_did_not_write_has_its_default_without_a_word(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    write_run(workspace, json.dumps({key: value for key, value in asdict(WHOLE).items() if key != name}))
    assert [getattr(run, name) for run in workspace.runs()] == [DEFAULTS[name]]
    assert caplog.messages == []


@pytest.mark.parametrize("name", REQUIRED)
def test_a_record_without_a_field_that_it_needs_is_left_out_with_a_word(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    write_run(workspace, json.dumps({key: value for key, value in asdict(WHOLE).items() if key != name}))
    workspace.save_run(RunRecord("r2", "nightly", 77, 1.0, 3000.0, "failed"))
    assert [run.run_id for run in workspace.runs()] == ["r2"]
    assert [name in message and "left out" in message for message in caplog.messages] == [True]


@pytest.mark.parametrize("name", NAMES)
def test_null_is_as_good_as_none_where_a_field_may_be_empty_and_wrong_elsewhere(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    write_run(workspace, changed(**{name: "null"}))
    assert len(workspace.runs()) == (name not in REQUIRED)
    assert len(caplog.messages) == (name not in NULLABLE)


@pytest.mark.parametrize(("name", "value"), WRONG_FIELDS, ids=[f"{n}={v[:12]}" for n, v in WRONG_FIELDS])
def test_a_field_of_a_wrong_type_is_passed_over_where_it_has_a_default(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    write_run(workspace, changed(**{name: value}))
    found = workspace.runs()
    assert len(found) <= (name not in REQUIRED)
    assert len(caplog.messages) == 1
    for run in found:
        assert (run.run_id, run.started) == ("r1", 2000.0)
        assert asdict(run)[name] == DEFAULTS[name]


def test_fields_of_a_newer_release_are_passed_over_and_the_rest_is_read(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    write_run(workspace, changed(gpu_seconds="3.5", notes='["a"]'))
    assert workspace.runs() == [WHOLE]
    assert caplog.messages == [
        f"{workspace.state}/runs/r1.json: gpu_seconds, notes not known to this release; the rest of it is used."
    ]


def test_a_thousand_records_of_a_newer_release_are_one_line(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(1000):
        write_run(workspace, changed(gpu_seconds="1"), f"r{number}")
    assert len(workspace.runs()) == len(workspace.runs()) == 1000
    assert len(caplog.messages) == 1


def test_names_that_are_none_are_not_repeated(workspace: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    write_run(workspace, json.dumps(asdict(WHOLE) | {"Write to ann@example.com": 1, "a" * 5000: 1}))
    assert workspace.runs() == [WHOLE]
    assert "example.com" not in caplog.text
    assert len(caplog.messages[0]) < 400 + len(str(workspace.root))


@pytest.mark.parametrize("text", NO_RECORDS, ids=lambda text: repr(text[:8]))
def test_what_is_no_record_at_all_is_left_out(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    write_run(workspace, text)
    assert workspace.runs() == []
    assert len(caplog.messages) == 1
    assert "it is left out, and may be deleted" in caplog.messages[0]


def test_bytes_that_are_no_text_and_a_folder_of_that_name_are_left_out(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    (workspace.state / "runs" / "bytes.json").write_bytes(b"\xff\xfe\x00")
    (workspace.state / "runs" / "folder.json").mkdir()
    assert workspace.runs() == []
    assert len(caplog.messages) == 2


@pytest.mark.parametrize("text", ["3", "null", '{"a": 1}', '"abc"', "[1]", "[null]", "[[]]", '["a", 2]', "[", ""])
def test_last_fingerprints_that_are_none_are_forgotten_with_a_word(
    workspace: Workspace, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    path = workspace.state / "last" / "clean-x.json"
    path.parent.mkdir()
    path.write_text(text)
    assert workspace.last("clean-x") == []
    assert len(caplog.messages) == 1
    workspace.save_last("clean-x", ["aa"])
    assert workspace.last("clean-x") == ["aa"]


def test_what_is_not_there_is_no_news(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read_comfort(tmp_path / "none.json", RunRecord) is None
    assert caplog.messages == []


def stands(path: Path, what: str) -> None:
    """Put there what is no such file, or what lets nobody make its folder."""
    path.parent.mkdir(parents=True)
    match what:
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(path.name)
        case "pipe":
            os.mkfifo(path)
        case "file for its folder":
            path.parent.rmdir()
            path.parent.write_text("mine")
        case "link for its folder":
            path.parent.rmdir()
            path.parent.symlink_to(path.parent.name)


IN_THE_WAY = ("folder", "link", "pipe", "file for its folder", "link for its folder")


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_what_stands_in_the_way_of_comfort_is_put_aside_under_a_name_with_a_date(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    path = tmp_path / "last" / "clean.json"
    stands(path, what)
    assert read_comfort(path, list[str]) is None
    write_comfort(path, b'["aa"]')
    assert read_comfort(path, list[str]) == ["aa"]
    assert [re.sub(r"\d{8}-\d{6}", "DATE", message) for message in caplog.messages if "put aside" in message] == [
        f"{path}: is no file, and was put aside as clean.json.DATE."
        if "its folder" not in what
        else f"{path.parent}: is no folder, and was put aside as last.DATE."
    ]
    assert len([entry for folder in (tmp_path, tmp_path / "last") for entry in folder.iterdir()]) == 3


def test_of_a_file_of_lines_the_odd_ones_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "lines.jsonl"
    whole = json.dumps(asdict(WHOLE)).encode()
    path.write_bytes(b"\n".join((whole, b"", b"7", whole.replace(b"{", b'{"more": 1, ', 1))) + b"\n")
    assert read_lines(path, RunRecord) == [WHOLE, WHOLE]
    assert caplog.messages == [f"{path}: line 3 is not what is written there; left out, and kept as it stands."]
    assert read_lines(tmp_path / "none.jsonl", RunRecord) == []
    assert sort_lines(path, RunRecord) == ([whole, whole.replace(b"{", b'{"more": 1, ', 1)], [b"7"])


def test_two_things_put_aside_in_one_second_are_both_kept(tmp_path: Path) -> None:
    asides = set()
    for number in range(3):
        (tmp_path / "a").write_text(str(number))
        asides.add(put_aside(tmp_path / "a"))
    assert sorted(aside.read_text() for aside in asides) == ["0", "1", "2"]


def test_comfort_that_cannot_be_written_is_done_without_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for number in range(3):
        write_comfort(tmp_path / f"{number}.json", b"[]")
    assert list(tmp_path.iterdir()) == []
    assert caplog.messages == [
        f"{tmp_path}/0.json: cannot be written (No space left on device); the command goes on without it."
    ]


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_a_log_is_written_whatever_stood_there(tmp_path: Path, what: str) -> None:
    path = tmp_path / "logs" / "server.log"
    stands(path, what)
    for word in (b"one ", b"two"):
        with open_log(path) as log:
            log.write(word)
    assert path.read_bytes() == b"one two"


@pytest.mark.parametrize("what", [what for what in IN_THE_WAY if what != "pipe"])
def test_a_lock_that_cannot_be_is_named_and_the_advice_helps(tmp_path: Path, what: str) -> None:
    path = tmp_path / "state" / "lock"
    stands(path, what)
    with pytest.raises(DataError, match="Move it away and run again") as caught:
        open_lock(path)
    place = Path(str(caught.value).partition(":")[0])
    assert place == (path.parent if "its folder" in what else path)
    place.rename(tmp_path / "away")
    os.close(open_lock(path))


def test_a_run_that_names_another_file_is_none(workspace: Workspace) -> None:
    """The names of records are made of it: one that is too many is removed."""
    write_run(workspace, changed(run_id='"../catalog"'))
    assert workspace.runs() == []


BATCH = {"number": 1, "source": "docs", "fingerprint": "aa"}
BROKEN_CATALOGS: list[tuple[Any, str]] = [
    (3, "the whole: Input should be a valid array"),
    ([3], "0"),
    ([BATCH, {**BATCH, "origin": "x"}], "1 origin: Unexpected keyword argument"),
    *[([{k: v for k, v in BATCH.items() if k != name}], f"0 {name}: Field required") for name in BATCH],
    *[([{**BATCH, name: None}], f"0 {name}") for name in BATCH],
    ([{**BATCH, "number": "1"}], "0 number: Input should be a valid integer"),
    ([{**BATCH, "source": 1}], "0 source: Input should be a valid string"),
]


@pytest.mark.parametrize(("value", "place"), BROKEN_CATALOGS, ids=[place for _, place in BROKEN_CATALOGS])
def test_a_catalog_that_is_not_as_it_was_written_is_refused_with_the_place(
    workspace: Workspace, value: Any, place: str
) -> None:
    path = workspace.state / "catalog.json"
    path.write_text(json.dumps(value))
    with pytest.raises(DataError) as caught:
        workspace.batches()
    message = str(caught.value)
    assert message.startswith(f"{path}: is not what was written there ({place}")
    assert message.endswith("Put it back from a copy, or delete it: the next night then reads all sources again.")


def test_the_advice_for_a_catalog_helps(workspace: Workspace) -> None:
    workspace.save_batches([Batch(1, "docs", "aa")])
    (workspace.state / "catalog.json").unlink()
    assert workspace.batches() == []


@pytest.mark.parametrize("text", ["3", "null", '{"a": 1}', "[1]", "[", "", "[" * 100_000])
def test_a_pin_that_is_not_as_it_was_written_is_refused_since_models_hang_on_it(
    workspace: Workspace, text: str
) -> None:
    workspace.save_pin("tokenizer", Ref("tokenize", "aa"))
    path = workspace.state / "pins" / "tokenizer.json"
    path.write_text(text)
    with pytest.raises(DataError, match="Put it back from a copy, or delete it: the choice is made anew"):
        workspace.pin("tokenizer", Ref)
    path.unlink()
    assert workspace.pin("tokenizer", Ref) is None


@pytest.mark.parametrize("what", [what for what in IN_THE_WAY if "its folder" not in what] + ["dangling"])
@pytest.mark.parametrize("name", ["catalog", "given_up", "pins/tokenizer"])
def test_state_in_whose_place_something_else_stands_is_refused_and_the_advice_helps(
    tmp_path: Path, name: str, what: str
) -> None:
    """It would pass for state that was never written: all is read again, models start from scratch."""
    workspace, path = Workspace(tmp_path), tmp_path / "state" / f"{name}.json"
    stands(path, what) if what != "dangling" else (path.parent.mkdir(parents=True), path.symlink_to("nowhere"))
    read = {"catalog": workspace.batches, "given_up": workspace.given_up}
    for _ in range(2):
        with pytest.raises(DataError) as caught:
            read[name]() if name in read else workspace.pin("tokenizer", Ref)
        assert str(caught.value).startswith(f"{path}: is no file, or leads to none. Put it back from a copy, or delete")
    path.rename(tmp_path / "away")
    assert not (read[name]() if name in read else workspace.pin("tokenizer", Ref))


PIN = Waiting("shelf", 3, 2, "too good to be true")
BATCHES = [Batch(1, "docs", "aa", arrived="2026-11-28"), Batch(2, "news", "bb")]
CHANGED: list[tuple[str, str, Callable[[Any], Any]]] = [
    ("another version", "pins/waiting", lambda pin: {**pin, "version": 2}),
    ("another truth", "pins/waiting", lambda pin: {**pin, "is_refused": True}),
    ("a key more", "pins/waiting", lambda pin: {**pin, "colour": 1}),
    ("a key less", "pins/waiting", lambda pin: {name: value for name, value in pin.items() if name != "is_refused"}),
    ("another seal", "pins/waiting", lambda pin: {**pin, "seal": "0" * 32}),
    ("no seal but null", "pins/waiting", lambda pin: {**pin, "seal": None}),
    ("not a number", "pins/waiting", lambda pin: {**pin, "version": float("nan")}),
    ("half a character", "pins/waiting", lambda pin: {**pin, "reason": "\ud800"}),
    ("another day", "catalog", lambda batches: [{**batches[0], "arrived": "2025-11-28"}, *batches[1:]]),
    ("the other way round", "catalog", lambda batches: [batches[1], batches[0], batches[2]]),
    ("one less", "catalog", lambda batches: batches[1:]),
    ("one twice", "catalog", lambda batches: [batches[0], *batches]),
    ("none but the seal", "catalog", lambda batches: batches[2:]),
]


@pytest.mark.parametrize(("name", "change"), [row[1:] for row in CHANGED], ids=[row[0] for row in CHANGED])
def test_state_in_which_something_was_changed_is_refused_whatever_it_says_now(
    workspace: Workspace, name: str, change: Callable[[Any], Any]
) -> None:
    """Each of these would pass for what was written: a person would be asked about a version that was refused."""
    workspace.save_batches(BATCHES)
    workspace.save_pin("waiting", PIN)
    assert (workspace.batches(), workspace.pin("waiting", Waiting)) == (BATCHES, PIN)
    path = workspace.state / f"{name}.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(DataError, match=r"changed after it was written\. Put it back from a copy, or delete it"):
        workspace.batches() if name == "catalog" else workspace.pin("waiting", Waiting)


@pytest.mark.parametrize("change", [row[2] for row in CHANGED[:8]], ids=[row[0] for row in CHANGED[:8]])
def test_a_pin_that_the_next_night_finds_out_by_itself_is_left_out_with_a_word(
    workspace: Workspace, change: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> None:
    workspace.save_pin("waiting", PIN)
    path = workspace.state / "pins" / "waiting.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    assert workspace.pin_or_none("waiting", Waiting) is None
    assert caplog.messages == [f"{path}: is not what was written there; it is left out, and may be deleted."]
    workspace.save_pin("waiting", PIN)
    assert workspace.pin_or_none("waiting", Waiting) == PIN


@pytest.mark.parametrize("what", IN_THE_WAY)
def test_what_stands_in_the_place_of_such_a_pin_is_put_aside(tmp_path: Path, what: str) -> None:
    workspace = Workspace(tmp_path)
    stands(tmp_path / "state" / "pins" / "waiting.json", what)
    assert workspace.pin_or_none("waiting", Waiting) is None
    workspace.save_pin("waiting", PIN)
    assert workspace.pin_or_none("waiting", Waiting) == PIN


def test_state_that_an_earlier_release_wrote_has_no_seal_and_is_read(workspace: Workspace) -> None:
    (workspace.state / "pins").mkdir()
    (workspace.state / "pins" / "waiting.json").write_text(json.dumps(asdict(PIN)))
    (workspace.state / "catalog.json").write_text(json.dumps([asdict(batch) for batch in BATCHES]))
    assert (workspace.batches(), workspace.pin("waiting", Waiting)) == (BATCHES, PIN)


def test_a_list_that_was_sealed_by_what_it_says_is_read(workspace: Workspace) -> None:
    listed = [asdict(batch) for batch in BATCHES]
    sealed = [*listed, {"seal": with_seal({"listed": listed})["seal"]}]
    (workspace.state / "catalog.json").write_text(json.dumps(sealed))
    assert workspace.batches() == BATCHES
    (workspace.state / "catalog.json").write_text(json.dumps([sealed[1], sealed[0], sealed[2]]))
    with pytest.raises(DataError, match=r"changed after it was written"):
        workspace.batches()


def test_no_byte_of_a_list_can_be_another_one(workspace: Workspace) -> None:
    workspace.save_batches(BATCHES)
    path = workspace.state / "catalog.json"
    text = path.read_bytes()
    for at in range(len(text)):
        for byte in (text[at] ^ 1, ord(" ")):
            path.write_bytes(text[:at] + bytes([byte]) + text[at + 1 :])
            with suppress(DataError):
                assert workspace.batches() == BATCHES
    for end in range(len(text)):
        path.write_bytes(text[:end])
        with suppress(DataError):
            assert workspace.batches() == BATCHES
    path.write_bytes(text)
    assert workspace.batches() == BATCHES


def test_a_list_may_be_empty(workspace: Workspace) -> None:
    workspace.save_batches(BATCHES)
    workspace.save_batches([])
    assert workspace.batches() == []


def test_comfort_that_a_newer_release_sealed_is_read_as_far_as_it_is_understood(workspace: Workspace) -> None:
    path = workspace.state / "runs" / "r1.json"
    write_state(path, {**asdict(WHOLE), "stage": ["several", "now"], "colour": 1})
    assert read_comfort(path, RunRecord) == replace(WHOLE, stage="")
    path.write_text(path.read_text().replace("fine", "bad!"))
    assert read_comfort(path, RunRecord) is None


REF = {"stage": "evaluate", "fingerprint": "aa"}
NO_PINS: list[tuple[type, Any]] = [
    *[(Ref, {**REF, "fingerprint": name}) for name in ("", "../../x", "a\0b", "y" * 5000)],
    (Basis, {"model": REF, "snapshot": REF, "benchmarks": {}}),
    (Best, {"name": "shelf", "benchmark": "frozen-1", "scores": {"one": REF}}),
    (Best, {"name": "shelf", "benchmark": "frozen-1", "scores": {"9" * 5000: REF}}),
]


@pytest.mark.parametrize(
    ("kind", "value"), NO_PINS, ids=[f"{kind.__name__}-{n}" for n, (kind, _) in enumerate(NO_PINS)]
)
def test_a_pin_that_names_what_cannot_be_is_refused_also_without_a_seal(
    workspace: Workspace, kind: type, value: Any
) -> None:
    (workspace.state / "pins").mkdir()
    (workspace.state / "pins" / "a.json").write_text(json.dumps(value))
    with pytest.raises(DataError, match="is not what was written there"):
        workspace.pin("a", kind)
