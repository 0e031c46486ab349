"""A whole night over mixed files, a repository and a crawl: it ends promoted, and every file is accounted for."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.mixed_files import UNREAD, write_mixed
from tests.repositories import Repository
from tests.tiny_night import Ended, arguments, chinese, english, nightshift
from tests.web_site import Reply, Site

PAGES = {"/": english(2000), "/zh": chinese(2001), "/en": english(2002), "/private/own": english(2003)}
PRIVATE = {"/private/own"}
CODE = "def solve(matrix):\n    '''{}'''\n    return matrix\n".format(english(2004).replace("\n", "\n    "))


@dataclass(frozen=True)
class Mixed:
    """The night, and what it was given."""

    workspace: Path
    holds: dict[str, int]  # documents by file of the folder
    site: Site
    ended: Ended

    def documents(self, source: str) -> list[dict[str, Any]]:
        """What ingest read of a source."""
        files = sorted(self.workspace.glob("artifacts/ingest/*/documents.parquet"))
        rows = [row for path in files for row in pq.read_table(path, columns=["source", "url", "text"]).to_pylist()]
        return [row for row in rows if row["source"] == source]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mixed]:
    root = tmp_path_factory.mktemp("mixed")
    holds = write_mixed(root / "folder")
    repository = Repository(root / "repository")
    repository.commit({"README.md": english(2005), "solve.py": CODE, "logo.png": b"\x89PNG\0"})
    with Site() as site:
        for path, text in PAGES.items():
            site.page(path, *PAGES, text=text.replace("\n", "</p><p>"))
        site.pages["/robots.txt"] = Reply("User-agent: *\nDisallow: /private\n", kind="text/plain")
        crawl = {"kind": "crawl", "name": "site", "seeds": [site.url()], "contact": "bot@example.org"}
        sources = [
            {"kind": "files", "name": "folder", "path": str(root / "folder")},
            {"kind": "git", "name": "code", "path": str(root / "repository")},
            {**crawl, "allow_private": [site.address], "seconds_between_requests": 0.1},
        ]
        more = {"ingest__sources": json.dumps(sources), "report__every_refresh": "true"}
        words = arguments(root / "workspace", root, **more)
        yield Mixed(root / "workspace", holds, site, nightshift("run", *words))


def test_it_ends_promoted(night: Mixed) -> None:
    assert night.ended.status == 0, night.ended.err
    assert "version 1 " in night.ended.out and "promoted" in night.ended.out


def test_each_file_gives_the_documents_that_it_holds(night: Mixed) -> None:
    found = Counter(row["url"].partition("#")[0] for row in night.documents("folder"))
    assert {name: found[name] for name in night.holds} == night.holds
    assert found.keys() <= night.holds.keys()


def test_what_no_reader_takes_is_named_by_kind(night: Mixed) -> None:
    assert sum(UNREAD.values()) == sum(not num for num in night.holds.values())
    said = " ".join(night.ended.out.split())
    for kind, num in UNREAD.items():
        assert f"{kind} {num}" in said, kind


def test_the_repository_and_the_site_are_there_as_far_as_they_may_be_read(night: Mixed) -> None:
    code = {row["url"].partition("#")[0].rpartition("/")[2] for row in night.documents("code")}
    assert code == {"README.md", "solve.py"}
    assert {row["url"] for row in night.documents("site")} == {night.site.url(path) for path in PAGES.keys() - PRIVATE}
    assert PRIVATE.isdisjoint(night.site.paths())


def test_the_page_of_the_refresh_accounts_for_every_file_and_every_document(night: Mixed) -> None:
    (place,) = (night.workspace / "reports").glob("*.html")
    page = " ".join(re.sub("<[^>]+>", " ", place.read_text(encoding="utf-8")).split())
    num_read = sum(num > 0 for num in night.holds.values())
    num_offered = sum(night.holds.values()) + 1  # a picture in the zip
    assert f" folder {num_read} {num_offered} " in page
    assert " code 1 2 " in page and f" site 1 {len(PAGES) - len(PRIVATE)} " in page
    unread = Counter(UNREAD) + Counter({".png": 1})  # the logo of the repository
    kinds = ", ".join(f"{kind} {num}" for kind, num in sorted(unread.items(), key=lambda item: (-item[1], item[0])))
    assert f"{unread.total()} files not read, by kind: {kinds}" in page
    assert str(place.relative_to(night.workspace)) in night.ended.out
