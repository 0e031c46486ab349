"""Addresses follow a folder: by the parts of a path, in each form that they may have, once."""

from pathlib import Path

import pytest

from pipeline_lib.store.addresses import path_of, readdressed

OLD, NEW = Path("/srv/night shift #1? 100%"), Path("/mnt/夜班 a%20b")

PATHS = {
    "/a/b": "/a/b",
    "/a b/100%/c%20d#e?f": "/a b/100%/c%20d#e?f",  # a path is no URL
    "file:///a/b": "/a/b",
    "file:/a/b": "/a/b",
    "file://localhost/a/b": "/a/b",
    "FILE:///a%20b/100%25/%E5%A4%9C": "/a b/100%/夜",
    "file:///a#b?c": "/a#b?c",  # not quoted as it should be
}
NO_PATHS = ["", "a/b", "./mlruns", "s3://bucket/a/b", "mlflow-artifacts:/a/b", "models:/m-1", "file://host/a", "file:a"]


@pytest.mark.parametrize("address", PATHS)
def test_an_address_names_a_path(address: str) -> None:
    assert path_of(address) == Path(PATHS[address])


@pytest.mark.parametrize("address", NO_PATHS)
def test_what_is_no_address_of_a_path_stays(address: str) -> None:
    assert path_of(address) is None
    assert readdressed(address, [Path("/")], Path("/new")) == address


@pytest.mark.parametrize("inside", ["", "mlartifacts", "mlartifacts/0/a b#c?d%e/夜"])
def test_both_forms_follow(inside: str) -> None:
    old, new = OLD / inside, NEW / inside
    assert readdressed(str(old), [OLD], NEW) == str(new)
    assert readdressed(old.as_uri(), [OLD], NEW) == new.as_uri()


@pytest.mark.parametrize("beside", ["/srv/ws2/x", "/srv/w", "/srv", "/other/srv/ws", "file:///srv/ws%20/x"])
def test_a_folder_of_a_similar_name_is_another_folder(beside: str) -> None:
    assert readdressed(beside, [Path("/srv/ws")], NEW) == beside


@pytest.mark.parametrize(
    ("old", "new"),
    [("/a", "/b"), ("/a", "/a/b"), ("/a/b", "/a"), ("/a/b", "/a/b/b"), ("/a", "/ab"), ("/a/b/b", "/a/b")],
)
def test_a_second_time_changes_nothing_also_where_a_folder_moves_into_or_out_of_another(old: str, new: str) -> None:
    once = readdressed(f"{old}/mlartifacts/0", [Path(old)], Path(new))
    assert once == f"{new}/mlartifacts/0"
    assert readdressed(once, [Path(old)], Path(new)) == once


def test_of_several_places_each_is_followed() -> None:
    places = [Path("/a"), Path("/b")]
    assert [readdressed(f"{place}/x", places, NEW) for place in places] == [str(NEW / "x")] * 2
