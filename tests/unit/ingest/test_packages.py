"""Installed packages as a source: docstrings by their dotted names, READMEs, documentation, and nothing private."""

import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.ingest.sources.installed_docs import InstalledDocsSource

MODULE = '''"""A module that says 夜 a lot."""
import os

if os.name:
    def f():
        """A function under a condition."""
        def inner():
            """A function within it, found too."""

class C:
    """short"""
    def m(self):
        """A method with a docstring."""
        return "\\d"
    def m(self):
        """The same name once more, with another docstring."""
    x = """A string that is no docstring at all."""
'''
METADATA = (
    "Metadata-Version: 2.1\nName: Demo-Pkg\nVersion: 1.0\nDescription-Content-Type: text/markdown\n\n# 演示 demo\n"
)


def install(site: Path, version: str = "1.0", **files: str) -> None:
    """Put a package named Demo-Pkg into `site`, as an installer would."""
    contents = {f"demo_pkg-{version}.dist-info/METADATA": METADATA.replace("1.0", version), **files}
    for name, content in contents.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(content)
    record = "".join(f"{name},,\n" for name in [*contents, "../../bin/demo.py", "demo_pkg/missing.py"])
    (site / f"demo_pkg-{version}.dist-info/RECORD").write_text(record)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.setattr(sys, "path", [str(path), *sys.path])
    return path


def documents(house: Any, **fields: Any) -> dict[str, tuple[str, str, str]]:
    """url -> place, format, text of a first night over Demo-Pkg."""
    house.other = InstalledDocsSource(name="docs", packages=("demo-pkg",), **{"min_docstring_chars": 20, **fields})
    plan = house.night()
    rows = zip(house.rows(plan), house.rows(plan, "ledger.parquet"), strict=True)
    return {row["url"]: (ledger["place"], row["format"], row["text"]) for row, ledger in rows}


def test_docstrings_are_named_by_their_place_in_the_module(site: Path, house: Any) -> None:
    install(site, **{"demo_pkg/a.py": MODULE})
    assert documents(house) == {
        "demo_pkg.dist-info/METADATA": ("demo_pkg.dist-info/METADATA", "markdown", "# 演示 demo\n"),
        "demo_pkg/a.py": ("demo_pkg/a.py:1", "text", "A module that says 夜 a lot."),
        "demo_pkg/a.py#f": ("demo_pkg/a.py:6", "text", "A function under a condition."),
        "demo_pkg/a.py#f.inner": ("demo_pkg/a.py:8", "text", "A function within it, found too."),
        "demo_pkg/a.py#C.m": ("demo_pkg/a.py:13", "text", "A method with a docstring."),
        "demo_pkg/a.py#C.m-2": ("demo_pkg/a.py:16", "text", "The same name once more, with another docstring."),
    }


def test_short_docstrings_are_passed_over(site: Path, house: Any) -> None:
    install(site, **{"demo_pkg/a.py": MODULE})
    assert list(documents(house, min_docstring_chars=40)) == ["demo_pkg.dist-info/METADATA", "demo_pkg/a.py#C.m"]


def test_tests_scripts_and_lists_of_the_installer_are_private(site: Path, house: Any) -> None:
    private = ("demo_pkg/tests/a.txt", "demo_pkg/test_a.py", "demo_pkg/conftest.py", "demo_pkg-1.0.dist-info/names.txt")
    public = ("demo_pkg/guide.rst", "demo_pkg/notes.md", "demo_pkg-1.0.dist-info/licenses/LICENSE.txt")
    install(site, **dict.fromkeys([*private, *public], "some text"), **{"demo_pkg/__init__.py": ""})
    assert list(InstalledDocsSource(packages=("demo-pkg",)).files().files) == [
        "demo_pkg.dist-info/METADATA",
        "demo_pkg.dist-info/licenses/LICENSE.txt",
        "demo_pkg/guide.rst",
        "demo_pkg/notes.md",
    ]


def test_an_upgrade_keeps_the_urls(site: Path, house: Any) -> None:
    install(site, "1.0", **{"demo_pkg/notes.md": "x"})
    source = InstalledDocsSource(packages=("demo-pkg",))
    before = list(source.files().files)
    for file in (site / "demo_pkg-1.0.dist-info").iterdir():
        file.unlink()
    (site / "demo_pkg-1.0.dist-info").rmdir()
    install(site, "2.0", **{"demo_pkg/notes.md": "x"})
    assert list(source.files().files) == before


def test_a_package_is_taken_up_to_its_budget_in_path_order(site: Path) -> None:
    install(site, **{"demo_pkg/a.md": "x" * 600, "demo_pkg/b.md": "x" * 600, "demo_pkg/c.md": "x" * 600})
    source = InstalledDocsSource(packages=("demo-pkg",), max_package_bytes=1500)
    assert list(source.files().files) == ["demo_pkg.dist-info/METADATA", "demo_pkg/a.md", "demo_pkg/b.md"]


def test_a_package_that_is_not_installed_says_which_and_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r"'no-such-package-here'.*not installed.*take it out of `packages`"):
        InstalledDocsSource(packages=("no-such-package-here",)).files()


def test_a_module_that_does_not_parse_is_quarantined(site: Path, house: Any) -> None:
    install(site, **{"demo_pkg/a.py": "def broken(:\n"})
    assert list(documents(house)) == ["demo_pkg.dist-info/METADATA"]
    assert house.quarantine_of_last() == ["demo_pkg/a.py: invalid Python"]


def test_the_default_packages_are_installed() -> None:
    assert len(InstalledDocsSource().files().files) > 1000


def install_elsewhere(folder: Path, name: str, **files: str) -> None:
    """A package in a folder of its own, beside others that may have files of the same paths."""
    record = folder / f"{name}-1.0.dist-info" / "RECORD"
    record.parent.mkdir(parents=True)
    record.with_name("METADATA").write_text(METADATA.replace("Demo-Pkg", name))
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    record.write_text("".join(f"{path},,\n" for path in files))


@pytest.mark.parametrize("packages", [("alpha", "beta"), ("beta", "alpha"), ("beta", "alpha", "alpha")])
@pytest.mark.parametrize("path", ["README.md", "docs/guide.rst", "shared/part.py", "docs/a#b.txt"])
def test_files_of_two_folders_of_packages_that_have_one_path_are_two_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, packages: tuple[str, ...]
) -> None:
    folders = {name: tmp_path / f"of {name}" for name in ("alpha", "beta")}
    monkeypatch.setattr(sys, "path", [*map(str, folders.values()), *sys.path])
    for name, folder in folders.items():
        install_elsewhere(folder, name, **{path: f"the text of {name}"})
    source = InstalledDocsSource(packages=packages)
    listing = source.files()
    assert list(listing.files) == sorted([path, f"beta:{path}"])
    found = source.locate(list(listing.files))
    assert {name: str(place) for name, place in found.items()} == listing.files
    assert found[path].read_text() == "the text of alpha"
    assert found[f"beta:{path}"].read_text() == "the text of beta"


def test_a_file_that_two_packages_of_one_folder_list_is_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for name in ("alpha", "beta"):
        install_elsewhere(tmp_path, name, **{"shared/README.md": "the text of both"})
    assert list(InstalledDocsSource(packages=("alpha", "beta")).files().files) == ["shared/README.md"]
