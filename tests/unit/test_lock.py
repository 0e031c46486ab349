"""The lock as it is committed, parts of it, and the audit of it."""

import re
import stat
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from deployments import audit, lock

ROOT = Path(__file__).resolve().parents[2]
LOCK = lock.read_pins((ROOT / "lock.txt").read_text(encoding="utf-8"))
ALL = lock.read_pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
DRIVERS = lock.read_pins((ROOT / lock.DRIVERS_PATH).read_text(encoding="utf-8"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ASKED = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    *(line for extra in PROJECT["project"]["optional-dependencies"].values() for line in extra),
]
# A web server on a library, torch with a CPU library and its CUDA, a tool of tests. As uv writes it.
SMALL = """\
cuda==13.0 ; sys_platform == 'linux' \\
    --hash=sha256:aa
    # via torch
cuda-more==1.0 ; python_full_version < '3.15' and sys_platform == 'linux' \\
    --hash=sha256:bb
    # via cuda, torch
library==2.0 \\
    --hash=sha256:cc \\
    --hash=sha256:dd
    # via -c constraints.txt, server
maths==3.0 \\
    --hash=sha256:ee
    # via torch
server==1.0 \\
    --hash=sha256:ff
    # via nightshift (pyproject.toml)
tests==1.0 \\
    --hash=sha256:00
    # via nightshift (pyproject.toml)
torch==2.13.0 \\
    --hash=sha256:11
    # via nightshift (pyproject.toml)
"""


@pytest.mark.parametrize("name", ["lock.txt", "constraints.txt", str(lock.DRIVERS_PATH)])
def test_no_address_stands_in_a_lock(name: str) -> None:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "://" in line or line.startswith("-") or "@" in line] == []


@pytest.mark.parametrize("name", ["lock.txt", str(lock.DRIVERS_PATH)])
def test_each_package_that_is_installed_by_hash_has_one(name: str) -> None:
    pins = lock.read_pins((ROOT / name).read_text(encoding="utf-8"))
    digest = re.compile(r"sha256:[0-9a-f]{64}")
    assert [pin.name for pin in pins if not pin.hashes or not all(map(digest.fullmatch, pin.hashes))] == []
    text = (ROOT / name).read_text(encoding="utf-8")
    assert [pin.name for pin in pins] == re.findall(r"^([\w.-]+)==", text, re.MULTILINE)


def test_both_files_name_the_same_versions_and_only_torch_and_cuda_have_no_hashes() -> None:
    lines = {pin.name: pin.line for pin in ALL}
    assert [pin.line for pin in LOCK if lines.get(pin.name) != pin.line] == []
    left_out = [pin for pin in ALL if pin.name not in {hashed.name for hashed in LOCK}]
    assert "torch" in {pin.name for pin in left_out}
    assert [pin.name for pin in left_out if pin.name != "torch" and "sys_platform == 'linux'" not in pin.marker] == []


def test_all_that_the_project_asks_for_is_locked_within_its_bounds() -> None:
    pinned = {pin.name: pin.line.partition(" ;")[0].partition("==")[2] for pin in ALL}
    asked = [Requirement(line) for line in ASKED if not line.startswith("nightshift")]
    assert [str(one) for one in asked if pinned[lock.bare(one.name)] not in one.specifier] == []


def test_what_was_tried_bounds_what_is_installed_without_the_lock() -> None:
    """The next minor release of these three is outside."""
    bounds = {lock.bare(line): Requirement(line).specifier for line in PROJECT["project"]["dependencies"]}
    for name, later in (("prefect", "3.9.0"), ("mlflow", "3.18.0"), ("transformers", "5.24.0")):
        assert later not in bounds[name]


def test_the_pythons_of_the_project_are_those_that_the_lock_is_tried_on() -> None:
    bounds = Requirement(f"python{PROJECT['project']['requires-python']}").specifier
    assert [f"3.{minor}" for minor in range(20) if f"3.{minor}.5" in bounds] == list(lock.PYTHONS)
    assert "(3, 11) <= sys.version_info[:2] <= (3, 14)" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_what_is_installed_is_what_the_lock_names() -> None:
    here = [Requirement(pin.line) for pin in LOCK]
    wanted = {one.name: one.specifier for one in here if one.marker is None or one.marker.evaluate()}
    assert len(wanted) > 200
    assert [name for name, specifier in wanted.items() if version(name) not in specifier] == []
    assert f"torch=={version('torch').partition('+')[0]}" in {pin.line for pin in ALL}


def test_a_lock_is_read_as_it_was_written() -> None:
    pins = lock.read_pins(SMALL)
    assert [pin.line for pin in pins][:3] == [
        "cuda==13.0 ; sys_platform == 'linux'",
        "cuda-more==1.0 ; python_full_version < '3.15' and sys_platform == 'linux'",
        "library==2.0",
    ]
    assert pins[2].hashes == ("sha256:cc", "sha256:dd") and pins[2].wanted_by == {"server"}
    assert lock.read_pins("".join(pin.with_hashes() for pin in pins)) == pins


def test_torch_is_left_out_with_its_cuda_but_not_with_its_other_libraries() -> None:
    assert lock.only_for_cuda(lock.read_pins(SMALL)) == {"torch", "cuda", "cuda-more"}


def test_a_part_of_the_lock_is_what_a_package_asks_for() -> None:
    pins = [pin for pin in lock.read_pins(SMALL) if pin.name not in {"torch", "cuda", "cuda-more"}]
    assert [pin.name for pin in lock.needed_by(["Server[extra]>=1"], pins)] == ["library", "server"]
    assert [pin.name for pin in lock.needed_by(["torch==2.13.0"], pins)] == ["maths"]


def test_a_part_that_no_lock_names_is_refused() -> None:
    with pytest.raises(SystemExit, match=r"lock\.txt names no nothing\. Add it to pyproject\.toml, then: make lock"):
        lock.needed_by(["nothing"], LOCK)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a lock of before."""
    (tmp_path / lock.DRIVERS_PATH).parent.mkdir(parents=True)
    for name in ("constraints.txt", str(lock.DRIVERS_PATH)):
        (tmp_path / name).write_text("library==1.0\n", encoding="utf-8")
    monkeypatch.setattr(lock, "ROOT", tmp_path)
    monkeypatch.setattr(lock, "SERVER", "library")
    return tmp_path


def _uv(folder: Path, body: str) -> str:
    """Stands for uv, which needs an index: keeps its calls, and the last word of each is where it writes."""
    path = folder / "uv"
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\nfor out; do :; done\n{body}\n', encoding="utf-8")
    path.chmod(stat.S_IRWXU)
    return str(path)


def test_one_resolution_is_written_with_hashes_and_without(checkout: Path) -> None:
    (checkout / "resolved").write_text(SMALL, encoding="utf-8")
    lock.main(["write", "--uv", _uv(checkout, f'cp {checkout}/resolved "$out"'), "--upgrade", "library"])
    written, hashed = ((checkout / name).read_text(encoding="utf-8") for name in ("constraints.txt", "lock.txt"))
    assert [pin.line for pin in lock.read_pins(written)] == [pin.line for pin in lock.read_pins(SMALL)]
    assert "sha256" not in written
    drivers = lock.read_pins((checkout / lock.DRIVERS_PATH).read_text(encoding="utf-8"))
    assert "maths" in {pin.name for pin in drivers}  # of the lock, but not of the image
    assert "library" not in {pin.name for pin in drivers}
    assert [pin.name for pin in lock.read_pins(hashed)] == ["library", "maths", "server", "tests"]
    assert "--hash=sha256:cc \\\n    --hash=sha256:dd\n    # via server\n" in hashed
    calls = (checkout / "calls").read_text(encoding="utf-8").splitlines()
    assert "--upgrade-package library" in calls[0] and "--universal" in calls[0]
    tried = [re.findall(r"--python-platform (\S+) .*--python-version (\S+)", call) for call in calls[2:]]
    assert tried == [[(machine, python)] for python in lock.PYTHONS for machine in lock.MACHINES]


def test_what_is_locked_is_what_uv_goes_from(checkout: Path) -> None:
    """uv keeps the versions that it finds where it writes."""
    lock.main(["write", "--uv", _uv(checkout, f'cat "$out" >> {checkout}/found; echo library==1.0 > "$out"')])
    assert (checkout / "found").read_text(encoding="utf-8").startswith("library==1.0\nlibrary==1.0\n")


def test_what_cannot_be_resolved_is_told_and_nothing_is_written(checkout: Path) -> None:
    with pytest.raises(SystemExit, match=r"uv cannot resolve .* on Python 3\.11:\n.*no such version"):
        lock.main(["write", "--uv", _uv(checkout, "echo no such version >&2; exit 1")])
    assert (checkout / "constraints.txt").read_text(encoding="utf-8") == "library==1.0\n"
    assert not (checkout / "lock.txt").exists()


def test_nightshift_alone_needs_what_builds_it_and_no_tests(capsys: pytest.CaptureFixture[str]) -> None:
    lock.main(["project"])
    names = {pin.name for pin in lock.read_pins(capsys.readouterr().out)}
    assert {"hatchling", "prefect", "scrapy", "networkx"} <= names  # networkx: torch asks for it
    assert not names & {"pytest", "ruff", "playwright", "torch"}


def test_a_server_needs_no_model_library(capsys: pytest.CaptureFixture[str]) -> None:
    for server in ("prefect", "mlflow"):
        lock.main(["only", server])
        names = {pin.name for pin in lock.read_pins(capsys.readouterr().out)}
        assert server in names and not names & {"torch", "transformers", "datasets"}


def _weak(**more: Any) -> dict[str, Any]:
    return {"name": "weak", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}], **more}


SOUND = {"name": "sound", "version": "1.0", "vulns": []}
UNASKED = {"name": "unasked", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "status", "last"),
    [
        ([SOUND], 0, "1 of 1 packages were asked about: 0 weaknesses"),
        ([SOUND, _weak()], 1, "2 of 2 packages were asked about: 1 weaknesses"),
        ([SOUND, UNASKED], 2, "The advisory service knows nothing of unasked: of these nothing is said."),
        ([UNASKED] * 7, 2, f"The advisory service knows nothing of {', '.join(['unasked'] * 5)} and 2 more: of these"),
        ([_weak(), UNASKED], 1, "The advisory service knows nothing of unasked: of these nothing is said."),
        ([], 2, "0 of 0 packages were asked about: 0 weaknesses"),
    ],
)
def test_an_audit_passes_only_what_was_asked_about(packages: list[dict[str, Any]], status: int, last: str) -> None:
    found, lines = audit.judge({"dependencies": packages})
    assert found == status and lines[-1].startswith(last)


def test_an_audit_names_the_weakness_and_what_mends_it() -> None:
    _, lines = audit.judge({"dependencies": [_weak()]})
    assert lines[0] == "weak 1.0: PYSEC-1, fixed in 1.1"


def test_an_audit_without_an_answer_says_that_nothing_was_audited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = tmp_path / "pip-audit"
    silent.write_text("#!/bin/sh\necho 'Max retries exceeded' >&2\nexit 1\n", encoding="utf-8")
    silent.chmod(stat.S_IRWXU)
    assert audit.main(str(silent)) == 2
    assert capsys.readouterr().err == (
        "Nothing was audited: pip-audit got no answer from the advisory service.\nMax retries exceeded\n"
    )
