"""Installed packages as a source: docstrings by their dotted names, READMEs, documentation, and nothing private."""

import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.ingest import stage
from pipeline_lib.ingest.listing import list_files
from pipeline_lib.ingest.settings import IngestSettings, InstalledDocsSource
from pipeline_lib.store.local import Store

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


def documents(tmp_path: Path, **fields: Any) -> dict[str, tuple[str, str, str]]:
    """url -> place, format, text of a first night over Demo-Pkg."""
    import pyarrow.parquet as pq

    source = InstalledDocsSource(packages=("demo-pkg",), **{"min_docstring_chars": 20, **fields})
    settings = IngestSettings(sources=(source,), max_bad_share=1)
    plan = stage.scan(settings, source, [], Store(tmp_path / "artifacts"), tmp_path / "cache.json")
    assert plan is not None
    folder = tmp_path / "out"
    folder.mkdir()
    stage.run(settings, source, plan.shards[0], folder)
    texts = pq.read_table(folder / "documents.parquet").to_pylist()
    places = pq.read_table(folder / "ledger.parquet")["place"].to_pylist()
    return {row["url"]: (place, row["format"], row["text"]) for row, place in zip(texts, places, strict=True)}


def test_docstrings_are_named_by_their_place_in_the_module(site: Path, tmp_path: Path) -> None:
    install(site, **{"demo_pkg/a.py": MODULE})
    assert documents(tmp_path) == {
        "demo_pkg.dist-info/METADATA": ("demo_pkg.dist-info/METADATA", "markdown", "# 演示 demo\n"),
        "demo_pkg/a.py": ("demo_pkg/a.py:1", "text", "A module that says 夜 a lot."),
        "demo_pkg/a.py#f": ("demo_pkg/a.py:6", "text", "A function under a condition."),
        "demo_pkg/a.py#f.inner": ("demo_pkg/a.py:8", "text", "A function within it, found too."),
        "demo_pkg/a.py#C.m": ("demo_pkg/a.py:13", "text", "A method with a docstring."),
        "demo_pkg/a.py#C.m-2": ("demo_pkg/a.py:16", "text", "The same name once more, with another docstring."),
    }


def test_short_docstrings_are_passed_over(site: Path, tmp_path: Path) -> None:
    install(site, **{"demo_pkg/a.py": MODULE})
    assert list(documents(tmp_path, min_docstring_chars=40)) == ["demo_pkg.dist-info/METADATA", "demo_pkg/a.py#C.m"]


def test_tests_scripts_and_lists_of_the_installer_are_private(site: Path, tmp_path: Path) -> None:
    private = ("demo_pkg/tests/a.txt", "demo_pkg/test_a.py", "demo_pkg/conftest.py", "demo_pkg-1.0.dist-info/names.txt")
    public = ("demo_pkg/guide.rst", "demo_pkg/notes.md", "demo_pkg-1.0.dist-info/licenses/LICENSE.txt")
    install(site, **dict.fromkeys([*private, *public], "some text"), **{"demo_pkg/__init__.py": ""})
    assert list(list_files(InstalledDocsSource(packages=("demo-pkg",)))) == [
        "demo_pkg.dist-info/METADATA",
        "demo_pkg.dist-info/licenses/LICENSE.txt",
        "demo_pkg/guide.rst",
        "demo_pkg/notes.md",
    ]


def test_an_upgrade_keeps_the_urls(site: Path, tmp_path: Path) -> None:
    install(site, "1.0", **{"demo_pkg/notes.md": "x"})
    source = InstalledDocsSource(packages=("demo-pkg",))
    before = list(list_files(source))
    for file in (site / "demo_pkg-1.0.dist-info").iterdir():
        file.unlink()
    (site / "demo_pkg-1.0.dist-info").rmdir()
    install(site, "2.0", **{"demo_pkg/notes.md": "x"})
    assert list(list_files(source)) == before


def test_a_package_is_taken_up_to_its_budget_in_path_order(site: Path) -> None:
    install(site, **{"demo_pkg/a.md": "x" * 600, "demo_pkg/b.md": "x" * 600, "demo_pkg/c.md": "x" * 600})
    source = InstalledDocsSource(packages=("demo-pkg",), max_package_bytes=1500)
    assert list(list_files(source)) == ["demo_pkg.dist-info/METADATA", "demo_pkg/a.md", "demo_pkg/b.md"]


def test_a_package_that_is_not_installed_says_which_and_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r"'no-such-package-here'.*not installed.*take it out of `packages`"):
        list_files(InstalledDocsSource(packages=("no-such-package-here",)))


def test_a_module_that_does_not_parse_is_quarantined(site: Path, tmp_path: Path) -> None:
    install(site, **{"demo_pkg/a.py": "def broken(:\n"})
    assert list(documents(tmp_path)) == ["demo_pkg.dist-info/METADATA"]
    assert stage.describe_quarantine(tmp_path / "out/quarantine.parquet", 9) == ["demo_pkg/a.py: invalid Python"]


def test_the_default_packages_are_installed() -> None:
    assert len(list_files(InstalledDocsSource())) > 1000
