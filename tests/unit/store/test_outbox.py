"""What was to be shown later: kept line by line, taken once, bounded, torn lines and all."""

import math
import os
from pathlib import Path

import pytest

from pipeline_lib.store import outbox
from pipeline_lib.store.outbox import Outbox


def kept(box: Outbox) -> dict[str, list[outbox.Line]]:
    """All parcels by their key, taken and put back."""
    found = {}
    with box.parcels() as parcels:
        for parcel in parcels:
            found[parcel.key] = parcel.take()
            parcel.put_back(found[parcel.key])
    return found


def test_lines_come_in_their_order_also_after_some_were_put_back(tmp_path: Path) -> None:
    box = Outbox(tmp_path, "prefect")
    assert box.is_empty()
    box.keep("a", [{"n": 1}, {"n": 2}])
    with box.parcels() as (parcel,):
        assert parcel.take() == [{"n": 1}, {"n": 2}]
        box.keep("a", [{"n": 3}])  # by a night that still runs
        parcel.put_back([{"n": 2, "字": math.inf}])
    with box.parcels() as parcels:
        assert [(parcel.key, parcel.take()) for parcel in parcels] == [
            ("a", [{"n": 2, "字": math.inf}]),
            ("a", [{"n": 2, "字": math.inf}]),  # the newer one waits until the older is gone
        ]
        parcels[0].done()
    assert kept(box) == {"a": [{"n": 3}]}
    with box.parcels() as (parcel,):
        parcel.take()
        parcel.done()
    assert box.is_empty()


@pytest.mark.parametrize("torn", [b'{"n": 2', b"{", b'"', b"\x00\xff", b"3"])
def test_a_torn_line_is_left_out_and_hides_none_behind_it(tmp_path: Path, torn: bytes) -> None:
    box = Outbox(tmp_path, "prefect")
    box.keep("a", [{"n": 1}])
    with (box.folder / "a.jsonl").open("ab") as file:
        file.write(torn)
    box.keep("a", [{"n": 3}])
    assert kept(box) == {"a": [{"n": 1}, {"n": 3}]}


def test_only_one_delivers_at_a_time(tmp_path: Path) -> None:
    box = Outbox(tmp_path, "prefect")
    box.keep("a", [{"n": 1}])
    with box.parcels() as first, box.parcels() as second:
        assert (len(first), second) == (1, [])
    with box.parcels() as third:
        assert len(third) == 1


def test_the_oldest_parcels_go_and_a_huge_one_stops_growing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST_PARCELS", 3)
    monkeypatch.setattr(outbox, "MOST_BYTES", 100)
    box = Outbox(tmp_path, "mlflow")
    for number in range(5):
        box.keep(f"p{number}", [{"n": number}])
        os.utime(box.folder / f"p{number}.jsonl", (number, number))
    assert sorted(kept(box)) == ["p2", "p3", "p4"]
    for _ in range(50):
        box.keep("p4", [{"n": 4}])
    assert max(path.stat().st_size for path in box.folder.glob("*.jsonl")) <= 100


def test_a_parcel_that_was_left_and_what_came_after_it_are_both_delivered_at_once(tmp_path: Path) -> None:
    """Whichever of the two was written last."""
    box = Outbox(tmp_path, "prefect")
    for newest in ("taken-a", "a"):
        box.keep("a", [{"n": 1}])
        kept(box)
        box.keep("a", [{"n": 2}])
        os.utime(box.folder / f"{newest}.jsonl", (9e9, 9e9))
        with box.parcels() as parcels:
            told = []
            for parcel in parcels:
                told.append(parcel.take())
                parcel.done()
        assert told == [[{"n": 1}], [{"n": 2}]] and box.is_empty()


def test_one_that_went_meanwhile_hides_none_behind_it(tmp_path: Path) -> None:
    box = Outbox(tmp_path, "prefect")
    box.keep("a", [{"n": 1}])
    box.keep("b", [{"n": 2}])
    os.utime(box.folder / "a.jsonl", (1, 1))
    with box.parcels() as parcels:
        (box.folder / f"{parcels[0].key}.jsonl").unlink()
        taken = [parcel.take() for parcel in parcels]
    assert taken == [[], [{"n": 2}]]


def test_of_a_parcel_that_is_too_long_what_fits_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MOST_BYTES", 100)
    box = Outbox(tmp_path, "mlflow")
    box.keep("a", [{"n": 1}, {"long": "x" * 100}, {"n": 2}])
    assert kept(box) == {"a": [{"n": 1}, {"n": 2}]}


def test_where_parcels_cannot_be_locked_none_is_delivered(tmp_path: Path) -> None:
    """Those of somebody else, as a rule."""
    box = Outbox(tmp_path, "prefect")
    box.keep("a", [{"n": 1}])
    (box.folder / ".lock").mkdir()
    with box.parcels() as parcels:
        assert parcels == []


def test_where_nothing_can_be_kept_nothing_is_raised(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    box = Outbox(tmp_path, "prefect")
    box.keep("a", [{"n": 1}])
    with box.parcels() as parcels:
        assert [parcel.take() for parcel in parcels] in ([], [[{"n": 1}]])  # what stood there was put aside
