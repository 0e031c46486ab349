"""`nightshift forget` killed before each write, removal and rename: said again, it is as if nothing had been."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data_nights import merging_soon
from tests.integration.test_forget import EDITED, WHOLE, edit, held_out, needles
from tests.killed_forgets import forgotten_in, killed_and_said_again
from tests.tiny_night import House, refresh, tiny_settings, write_corpus

pytestmark = pytest.mark.soak
POINTS = ("files:before_change", "forget:before_rename", "forget:between_renames")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two nights of the data half, with merges of what is carried."""
    root = tmp_path_factory.mktemp("lived")
    with merging_soon():
        house = House(root / "workspace", write_corpus(root / "corpus"))
        refresh(tiny_settings(house.workspace, house.corpus))
        edit(house)
        refresh(tiny_settings(house.workspace, house.corpus))
        yield house


@pytest.mark.parametrize("document", ["edited", "a whole file", "held out"])
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_before_each_write_leaves_nothing_half_done(
    lived: House, tmp_path: Path, point: str, document: str
) -> None:
    url = {"edited": EDITED, "a whole file": WHOLE}.get(document) or held_out(lived)
    wanted, twin = needles(lived, url), forgotten_in(tmp_path / "twin", lived, url)
    number, came_so_far = 0, True
    while came_so_far:
        number += 1
        came_so_far = killed_and_said_again(lived, tmp_path / "killed", url, f"{point}:{number}", wanted, twin)
        shutil.rmtree(tmp_path / "killed")
    assert number > 3
