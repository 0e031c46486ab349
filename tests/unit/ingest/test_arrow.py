"""Arrow files, and folders as `datasets` and the Hugging Face hub lay them out."""

import io
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard

from pipeline_lib.ingest.readers import READERS, read_with
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, SourceFile, Unreadable
from pipeline_lib.ingest.sources.files import FilesSource

OPTIONS = ReadOptions(max_document_bytes=1 << 20, max_expansion=200, id_field="id")
TABLE = pa.table(
    {
        "image": [b"x" * 1000] * 3,
        "text": ["夜", None, "two"],
        "id": ["a", "b", "c"],
    }
)
KINDS: dict[str, tuple[Any, str | None]] = {
    "stream": (pa.ipc.new_stream, None),
    "file": (pa.ipc.new_file, None),
    "stream, zstd": (pa.ipc.new_stream, "zstd"),
    "file, lz4": (pa.ipc.new_file, "lz4"),
}


def arrow(table: pa.Table, kind: str = "stream", rows: int = 2) -> bytes:
    out = io.BytesIO()
    opened, compression = KINDS[kind]
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with opened(out, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rows)
    return out.getvalue()


def read(data: bytes, options: ReadOptions = OPTIONS) -> list[Record | Bad | str]:
    found: list[Record | Bad | str] = []
    try:
        found.extend(read_with(READERS, SourceFile("a.arrow", io.BytesIO(data), len(data)), options))
    except Unreadable as exc:
        found.append(str(exc))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_documents_in_either_format(house: Any, kind: str) -> None:
    house.write("a.arrow", arrow(TABLE, kind))
    house.write("b.feather.zst", zstandard.compress(arrow(TABLE, kind)))
    plan = house.night()
    assert house.texts(plan) == {
        "a.arrow#a": "夜",
        "a.arrow#c": "two",
        "b.feather.zst#a": "夜",
        "b.feather.zst#c": "two",
    }
    assert house.quarantine(plan) == ["a.arrow:2: empty text", "b.feather.zst:2: empty text"]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_text_of_any_type_is_text(kind: pa.DataType) -> None:
    found = read(arrow(pa.table({"text": pa.array(["夜", "two"]).cast(kind)})))
    assert [item.text for item in found if isinstance(item, Record)] == ["夜", "two"]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (pa.table({"body": ["x"]}), "no column 'text'"),
        (pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], ["text", "text"]), "2 columns 'text'"),
    ],
)
def test_a_table_without_the_column_says_so(table: pa.Table, reason: str) -> None:
    assert read(arrow(table)) == [reason]


def out_of_itself(table: pa.Table) -> bytes:
    """The file of a table with a text of 0x4321 bytes, whose end is told to be far behind all bytes."""
    data = arrow(table)
    at = data.rindex((0x4321).to_bytes(4, "little"))
    return data[:at] + (0x7F004321).to_bytes(4, "little") + data[at + 4 :]


def test_other_columns_are_not_read() -> None:
    data = out_of_itself(pa.table({"text": ["fine"], "other": ["x" * 0x4321]}))
    assert [item.text for item in read(data) if isinstance(item, Record)] == ["fine"]


def test_what_points_out_of_its_batch_is_damage() -> None:
    assert read(out_of_itself(pa.table({"text": ["x" * 0x4321]}))) == ["damaged Arrow"]


def test_a_wrong_byte_costs_its_row() -> None:
    wrong = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0"), pa.py_buffer(b"\xff")])
    assert read(arrow(pa.table({"text": pa.chunked_array([wrong, ["fine"]])}))) == [
        Bad(1, "not UTF-8"),
        Record(found_part("fine"), 2, "text", "fine"),
    ]


def found_part(text: str) -> str:
    from pipeline_lib.ingest.naming import part_of

    return part_of(None, text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.2, 0.7])
def test_a_cut_file_is_damaged_and_keeps_what_stands_before(kind: str, share: float) -> None:
    data = arrow(pa.table({"text": [f"text {number} " + "x" * 100 for number in range(200)]}), kind, 10)
    found = read(data[: int(len(data) * share)])
    assert found[-1] == "damaged Arrow"
    assert kind.startswith("file") or len(found) > 20 * share


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"no", "damaged Arrow"),
        (b"FEA1" + bytes(99), "Feather in its first version (write it again with pyarrow)"),
    ],
)
def test_what_is_none_says_so(data: bytes, reason: str) -> None:
    assert read(data) == [reason]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_bytes_are_changed_a_reason_is_all_that_comes(seed: int) -> None:
    dice = random.Random(seed)
    samples = [arrow(TABLE, kind) for kind in ("stream", "file")]
    for _ in range(100):
        data = bytearray(dice.choice(samples))
        for _ in range(dice.choice([1, 4])):
            data[dice.randrange(len(data))] = dice.choice([0, 255, dice.randrange(256)])
        read(bytes(data))


def test_a_changed_file_brings_its_changed_rows(house: Any) -> None:
    house.write("a.arrow", arrow(TABLE))
    house.night()
    house.write("a.arrow", arrow(pa.table({"text": ["夜", "new"], "id": ["a", "d"]})))
    plan = house.night()
    assert house.texts(plan) == {"a.arrow#d": "new"} and len(plan.tombstones) == 1


def listed(root: Path) -> tuple[list[str], dict[str, tuple[int, str | None]]]:
    listing = FilesSource(name="docs", path=root).files()
    return list(listing.files), {kind: (one.num_files, one.example) for kind, one in listing.passed_over.items()}


def test_a_dataset_on_the_disk_is_its_rows_and_not_its_description(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import Dataset, DatasetDict

    rows = Dataset.from_dict({"text": ["one", "two"], "id": ["a", "b"]})
    DatasetDict({"train": rows, "test": rows.select([0])}).save_to_disk(str(house.root / "docs" / "saved"))
    plan = house.night()
    assert house.texts(plan) == {
        "saved/test/data-00000-of-00001.arrow#a": "one",
        "saved/train/data-00000-of-00001.arrow#a": "one",
        "saved/train/data-00000-of-00001.arrow#b": "two",
    }
    assert house.quarantine(plan) == []
    assert listed(house.root / "docs")[1] == {"dataset description": (5, "saved/dataset_dict.json")}
    assert house.source.why_not_read("saved/train/state.json") == "dataset description"


def test_files_of_these_names_elsewhere_are_documents(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name in ("state.json", "dataset_info.json", "dataset_dict.json", "more/a.json"):
        (tmp_path / name).write_text("{}")
    assert listed(tmp_path) == (["dataset_dict.json", "dataset_info.json", "more/a.json", "state.json"], {})


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    """A repository in the cache of the hub, with a file of another one linked to from it."""
    repository = tmp_path / "hub" / "datasets--owner--name"
    snapshot = repository / "snapshots" / "0a1b"
    (snapshot / "data").mkdir(parents=True)
    for folder in ("blobs", "refs", "../datasets--owner--other/blobs"):
        (repository / folder).mkdir(parents=True)
    (repository / "blobs" / "d1").write_text("first")
    (repository / "blobs" / "d2").write_text("second")
    (repository / "refs" / "main").write_text("0a1b")
    (repository / "../datasets--owner--other/blobs/d3").write_text("other")
    (repository / "secret.txt").write_text("beside")
    (snapshot / "README.md").symlink_to("../../blobs/d1")
    (snapshot / "data" / "a.txt").symlink_to("../../../blobs/d2")
    (snapshot / "other.txt").symlink_to("../../../datasets--owner--other/blobs/d3")
    (snapshot / "out.txt").symlink_to("../../secret.txt")
    return repository


OUT = {"link out of the source": (2, "other.txt")}


def test_a_snapshot_of_the_hub_is_read_through_its_links(cached: Path) -> None:
    assert listed(cached / "snapshots" / "0a1b") == (["README.md", "data/a.txt"], OUT)
    assert listed(cached / "snapshots" / "0a1b" / "data") == (["a.txt"], {})
    assert listed(cached / "snapshots")[0] == ["0a1b/README.md", "0a1b/data/a.txt"]


def test_a_repository_of_the_hub_is_read_once(cached: Path) -> None:
    files, passed_over = listed(cached)
    own = ["secret.txt", "snapshots/0a1b/README.md", "snapshots/0a1b/data/a.txt", "snapshots/0a1b/out.txt"]
    assert files == own
    assert passed_over == {
        "cache of the hub": (2, "blobs"),
        "link out of the source": (1, "snapshots/0a1b/other.txt"),
    }


def test_blobs_of_a_folder_that_only_looks_like_it_are_out_of_the_source(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshots" / "1").mkdir(parents=True)
    (tmp_path / "blobs" / "d1").write_text("x")
    (tmp_path / "snapshots" / "1" / "a.txt").symlink_to("../../blobs/d1")
    assert listed(tmp_path / "snapshots" / "1") == ([], {"link out of the source": (1, "a.txt")})
