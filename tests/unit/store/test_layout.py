"""Workspaces of other layouts are refused with what to do, and nothing of them is touched."""

import json
import re
from pathlib import Path

import pytest

from pipeline_lib.base.errors import DataError, SettingsError
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.home import settle
from pipeline_lib.store.layout import FOLDERS, LAYOUT
from pipeline_lib.store.workspace import Batch, Workspace, new_run


def old(root: Path, trace: str) -> Workspace:
    """A workspace of the first layout, which holds this."""
    path = root / trace
    path.parent.mkdir(parents=True)
    path.write_text("[]")
    return Workspace(root)


def numbered(root: Path, layout: object) -> Workspace:
    """A workspace whose file says this."""
    (root / "state").mkdir(parents=True)
    (root / "state" / "layout.json").write_text(json.dumps({"layout": layout}))
    return Workspace(root)


def everything(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


TRACES = ["state/catalog.json", "artifacts/clean/aa/manifest.json"]


@pytest.mark.parametrize("trace", TRACES)
def test_a_workspace_of_the_first_layout_is_refused_and_left_as_it_is(tmp_path: Path, trace: str) -> None:
    workspace = old(tmp_path / "workspace", trace)
    before = everything(workspace.root)
    for use in (workspace.check_layout, lambda: workspace.lock().__enter__()):
        with pytest.raises(DataError) as caught:
            use()
        assert str(caught.value) == (
            f"{workspace.root}: this workspace has layout 1, of an older release of Nightshift; this one works in "
            "layout 2. Move the folder aside, or name another one with --workspace; nothing in it was changed."
        )
    assert everything(workspace.root) == before


def test_the_advice_helps(tmp_path: Path) -> None:
    workspace = old(tmp_path / "workspace", TRACES[0])
    workspace.root.rename(tmp_path / "aside")
    with workspace.lock():
        workspace.save_batches([Batch(1, "docs", "aa")])
    workspace.check_layout()


def test_a_lost_file_of_this_layout_is_named_and_the_advice_helps(tmp_path: Path) -> None:
    """It was taken for a workspace of an older release, to be moved aside with all that is in it."""
    workspace = Workspace(tmp_path / "workspace")
    workspace.save_batches([Batch(1, "docs", "aa")])
    settle(workspace.root)
    path = workspace.state / "layout.json"
    path.unlink()
    with pytest.raises(DataError) as caught:
        workspace.check_layout()
    told = re.fullmatch(r"(.*): is missing, .* write (\{.*\}) into that file and run again; .*", str(caught.value))
    assert told is not None
    Path(told[1]).write_text(told[2])
    with workspace.lock():
        assert workspace.batches() == [Batch(1, "docs", "aa")]


@pytest.mark.parametrize(
    ("layout", "whose"), [(0, "an older"), (1, "an older"), (LAYOUT + 1, "a newer"), (99, "a newer")]
)
def test_another_number_is_refused(tmp_path: Path, layout: int, whose: str) -> None:
    workspace = numbered(tmp_path, layout)
    with pytest.raises(DataError, match=f"has layout {layout}, of {whose} release"):
        workspace.check_layout()


@pytest.mark.parametrize("layout", [None, "2", 2.5, True, [2]])
def test_a_file_that_says_no_number_is_an_error_with_advice(tmp_path: Path, layout: object) -> None:
    workspace = numbered(tmp_path, layout)
    with pytest.raises(DataError, match=r"layout\.json: is not what was written there .* Put it back from a copy, or"):
        workspace.check_layout()


def test_what_a_newer_release_adds_to_the_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "layout.json").write_text(json.dumps({"layout": LAYOUT, "since": "2027"}))
    Workspace(tmp_path).check_layout()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_new_folder_is_fine_and_a_look_writes_nothing(tmp_path: Path, is_there: bool) -> None:
    root = tmp_path / "workspace"
    if is_there:
        root.mkdir()
    workspace = Workspace(root)
    workspace.check_layout()
    assert (workspace.batches(), workspace.runs(), workspace.pin("a", Ref), workspace.last("b")) == ([], [], None, [])
    assert root.exists() == is_there and not list(tmp_path.rglob("*.json"))


SAVES = {
    "lock": lambda workspace: workspace.lock().__enter__(),
    "batches": lambda workspace: workspace.save_batches([]),
    "pin": lambda workspace: workspace.save_pin("tokenizer", Ref("tokenize", "aa")),
    "last": lambda workspace: workspace.save_last("clean-x", ["aa"]),
    "run": lambda workspace: workspace.save_run(new_run("r1", "nightly", "demo")),
}


@pytest.mark.parametrize("save", SAVES)
def test_the_first_save_says_which_layout_it_is(tmp_path: Path, save: str) -> None:
    workspace = Workspace(tmp_path)
    held = SAVES[save](workspace)
    assert json.loads((workspace.state / "layout.json").read_text()) == {"layout": LAYOUT}
    workspace.check_layout()
    del held


def test_a_save_does_not_make_an_old_workspace_a_new_one(tmp_path: Path) -> None:
    workspace = old(tmp_path, TRACES[1])
    workspace.save_last("clean-x", ["aa"])
    with pytest.raises(DataError, match="has layout 1"):
        workspace.check_layout()


OTHERS = ["Documents/letter.txt", "passwd", "artifacts.txt", "state.d/x", "statement.pdf"]
OF_A_NEW_ONE = ["keys/scrub.key", "mlflow.db", "logs/up.log", "lost+found/x", ".DS_Store", "work.20261201-020000/x"]


@pytest.mark.parametrize("name", OTHERS)
def test_a_folder_with_files_of_others_is_no_workspace_and_left_as_it_is(tmp_path: Path, name: str) -> None:
    """A night would close it to others, and remove what it takes for leftovers."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    tmp_path.chmod(0o755)
    workspace = Workspace(tmp_path)
    for use in (workspace.check_layout, lambda: workspace.lock().__enter__()):
        with pytest.raises(
            SettingsError, match=rf"holds files of others \({name.split('/')[0]}\)\. Name a new or an empty"
        ):
            use()
    assert (everything(tmp_path), tmp_path.stat().st_mode & 0o777) == ({str(path): b""}, 0o755)


@pytest.mark.parametrize("name", [*OF_A_NEW_ONE, *(name for name in FOLDERS if name != "artifacts")])
def test_what_may_lie_in_a_workspace_before_its_first_night_stops_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.mkdir() if name in FOLDERS else path.write_text("")
    Workspace(tmp_path).check_layout()


def test_a_workspace_stays_one_whatever_somebody_puts_into_it(tmp_path: Path) -> None:
    numbered(tmp_path, LAYOUT)
    (tmp_path / "notes.txt").write_text("")
    Workspace(tmp_path).check_layout()


@pytest.mark.parametrize("below", ["", "workspace", "workspace/deeper"])
def test_a_file_is_no_workspace_and_none_is_below_it(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="/file is a file, so no workspace can be here"):
        Workspace(tmp_path / "file" / below).check_layout()
