"""`installed_docs`: READMEs, documentation and docstrings of the Python packages that are installed here."""

import csv
import stat
from collections.abc import Collection, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.settings import operational
from pipeline_lib.ingest.records import MIB, Bad, Limits, Listing, ReadOptions, Record, Slug, SourceFile, SourceSettings

if TYPE_CHECKING:
    from pipeline_lib.ingest.kinds import Reader

# Packages that Nightshift brings along anyway: 12 MB of README, documentation and docstrings, with the near-duplicates
# (functions documented alike, licences) and the addresses of real text. torch and transformers are left out: 16 s of
# parsing for 13 MB, much of it repeated. `packages` in the settings takes any other list.
DEMO_PACKAGES = (
    "accelerate",
    "datasketch",
    "fastapi",
    "ftfy",
    "mlflow",
    "numpy",
    "pandas",
    "prefect",
    "pyarrow",
    "pydantic",
    "python-stdnum",
    "rich",
    "spacy",
    "sqlalchemy",
    "trafilatura",
    "typer",
)
TEST_FOLDERS = {"test", "tests", "_tests", "testing", "test_data"}  # text for machines, and a package's private matter


class InstalledDocsSource(SourceSettings):
    """READMEs, documentation and docstrings of installed Python packages: real text without any network."""

    kind: Literal["installed_docs"] = "installed_docs"
    name: Slug = Field(default="installed_docs", description="Name of the source: enters document ids.")
    packages: tuple[str, ...] = Field(
        default=DEMO_PACKAGES,
        min_length=1,
        description="Names of installed distributions, as pip knows them.",
        json_schema_extra=operational(),  # which files there are, not how they are read
    )
    min_docstring_chars: int = Field(
        default=200,
        ge=1,
        description="Shorter docstrings say too little to learn from.",
        json_schema_extra={"unit": "characters"},
    )
    max_package_bytes: int = Field(
        default=16 * MIB,
        ge=1,
        description="Files of one package, in path order, are taken up to this: bounds the time spent parsing.",
        json_schema_extra=operational(unit="bytes"),
    )

    def files(self) -> Listing:
        """The documented files of all packages. Raises `SettingsError` for a package that is not installed."""
        listing = Listing()
        for files in self._by_package(listing):
            _take_within_budget(sorted(files.items()), self.max_package_bytes, listing)
        return listing.in_order()

    def locate(self, paths: Collection[str]) -> dict[str, Path]:
        """The places within the folders of the packages."""
        found = (file for files in self._by_package(Listing()) for file in files.items())
        return {path: Path(place) for path, place in found if path in paths}

    def _by_package(self, listing: Listing) -> Iterator[dict[str, str]]:
        """The readable files of each package, path to place; packages in the order of their names.

        Packages may lie in several folders (a user's, a virtual environment's). Of two files with one path below two of
        them the second has the name of its package before it.
        """
        places: dict[str, str] = {}
        for package in sorted(self.packages):
            files = {}
            for path, place in _readable(_distribution(package), listing):
                own = path if places.setdefault(path, place) == place else f"{package}:{path}"
                files[own] = place
            yield files

    def read(self, file: SourceFile, limits: Limits) -> Iterator[Record | Bad]:
        """Docstrings of a module, the README in a METADATA, or a document as it is."""
        from pipeline_lib.ingest.readers import read_with

        options = ReadOptions(
            limits.max_document_bytes, limits.max_expansion, min_docstring_chars=self.min_docstring_chars
        )
        return read_with(_readers(), file, options)


def _readers() -> "dict[str, Reader]":
    from pipeline_lib.ingest.packages import read_description, read_docstrings
    from pipeline_lib.ingest.readers import read_markdown, read_text

    return {
        ".py": read_docstrings,
        ".md": read_markdown,
        ".rst": read_text,
        ".txt": read_text,
        "metadata": read_description,
    }


def _distribution(package: str) -> Distribution:
    try:
        return distribution(package)
    except PackageNotFoundError as exc:
        raise SettingsError(
            f"ingest: the package {package!r} of an installed_docs source is not installed. "
            "Install it or take it out of `packages`."
        ) from exc


def _readable(package: Distribution, listing: Listing) -> Iterator[tuple[str, str]]:
    """The files that its RECORD lists and a reader takes, each with its place; the others are counted."""
    from pipeline_lib.ingest.kinds import kind_of, untaken

    root, readers = str(package.locate_file("")), _readers()
    for file in _recorded(package):
        path = _documented_path(file)
        if path is None:
            listing.pass_over("private")
        elif kind_of(path)[0] not in readers:
            listing.pass_over(untaken(path), path)
        else:
            yield path, f"{root}/{file}"


def _recorded(package: Distribution) -> Iterator[str]:
    """The paths of a package's files, with "/"; as strings, since its thousands of paths are looked at every night."""
    record = package.read_text("RECORD")
    if record is None:  # not installed from a wheel
        yield from (file.as_posix() for file in package.files or ())
    else:
        yield from (row[0] for row in csv.reader(record.splitlines()) if row)


def _documented_path(path: str) -> str | None:
    """The path without the package's version, or None for what is private: tests, scripts, lists of the installer."""
    folder, _, inner = path.partition("/")
    if folder.endswith(".dist-info"):
        is_text = inner.lower() == "metadata" or inner.startswith("licenses/")
        return f"{folder.split('-')[0]}.dist-info/{inner}" if is_text else None
    parts = path.split("/")
    if ".." in parts or TEST_FOLDERS.intersection(parts) or parts[-1].startswith(("test_", "conftest")):
        return None
    return path


def _take_within_budget(files: Collection[tuple[str, str]], max_bytes: int, listing: Listing) -> None:
    """Take the first files that are `max_bytes` together. Empty ones (`__init__.py`) are passed over."""
    num_bytes = 0
    for path, place in files:
        size = _size(place)
        num_bytes += size
        if not size:
            listing.pass_over("empty", path)
        elif num_bytes > max_bytes:
            listing.pass_over("over max_package_bytes", path)
        else:
            listing.files[path] = place


def _size(place: str) -> int:
    """The bytes of a file; 0 of one that is not there, or is none."""
    try:
        status = Path(place).stat()
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
