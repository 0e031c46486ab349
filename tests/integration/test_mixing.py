"""Where text is from, and how much of each host is taken: what a real, tiny data half keeps, leaves out and tells."""

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.halves import refresh_data
from pipeline_lib.model.reading.documents import names_of, shard_of
from pipeline_lib.past.ledger import why
from pipeline_lib.past.made import last_of
from pipeline_lib.plan.night import plan_night
from pipeline_lib.report.records import names, page_path
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.schemas import DOCUMENTS_FILE
from pipeline_lib.store.shards import EXCLUDED_FILE, SHARDS_FILE
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import KEY, artifacts, chinese, english, night_here, tiny_settings

FETCHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOSTS = ("a.example", "www.a.example", "b.example:8080")
NUM_PAGES = 9
MOST = 300  # tokens of a host; a page has more than 60


@dataclass(frozen=True)
class House:
    """A workspace after a night without caps."""

    root: Path

    def settings(self, cap: int | None = None, **changes: str) -> Settings:
        """Two sources; the pages of hosts have the cap."""
        press = {"kind": "files", "name": "press", "path": str(self.root / "press"), "title_field": "headline"}
        press |= {"licence": "CC-BY-4.0", "licence_field": "rights", "metadata_fields": {"url": "link"}}
        web = {"kind": "files", "name": "web", "path": str(self.root / "web"), "most_tokens_per_host": cap}
        changes |= {"ingest__sources": json.dumps([press, web]), "report__every_refresh": "true"}
        return tiny_settings(self.root / "workspace", self.root, **changes)

    def night(self, cap: int | None = None) -> dict[str, Any]:
        with night_here(self.settings(cap)) as night:
            return refresh_data(night)

    @property
    def workspace(self) -> Workspace:
        return Workspace((self.root / "workspace").resolve())

    @property
    def snapshot(self) -> Manifest:
        (ref,) = last_of(self.workspace, "tokenize-snapshot", "tokenize.snapshot")
        return self.workspace.store.read(ref.stage, ref.fingerprint)

    def table(self, file: str, ref: Ref | None = None) -> list[dict[str, Any]]:
        wanted = ref or self.snapshot.ref
        opened = self.workspace.store.open(wanted.stage, wanted.fingerprint)
        rows: list[dict[str, Any]] = pq.read_table(opened.file(file)).to_pylist()
        return rows


def page(number: int) -> bytes:
    """A record of WARC with a page of plain text."""
    body = english(300 + number).encode()
    address = f"http://{HOSTS[number % len(HOSTS)]}/{number}"
    told = f"WARC-Target-URI: {address}\r\nWARC-Date: {FETCHED:%Y-%m-%dT%H:%M:%SZ}\r\n"
    block = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body
    kind = f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    return f"WARC/1.0\r\nWARC-Type: response\r\n{told}{kind}".encode() + block + b"\r\n\r\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("mixing")
    (root / "press").mkdir()
    (root / "web").mkdir()
    for name, first, text in (("en", 0, english), ("zh", 6, chinese)):
        records = [
            {
                "id": number,
                "text": text(number),
                "headline": f"Title {number}",
                "rights": "CC0-1.0" if number % 2 else None,
                "link": f"https://press.example/{number}",
            }
            for number in range(first, first + 6)
        ]
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (root / "press" / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    (root / "web" / "pages.warc").write_bytes(b"".join(map(page, range(NUM_PAGES))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "NIGHTSHIFT_SCRUB_KEY", KEY)
        house = House(root)
        house.night()
        yield house


@pytest.fixture
def house(made: House, tmp_path: Path) -> House:
    """A copy of it."""
    shutil.copytree(made.root, tmp_path / "house")
    return House(tmp_path / "house")


def test_every_row_that_is_trained_on_says_where_it_is_from(made: House) -> None:
    """Source, address, licence, title, fetch time as the source told them, and by its shard the batch."""
    batches = {batch.fingerprint: batch.name for batch in made.workspace.batches()}
    seen = Counter[str]()
    for shard in made.table(SHARDS_FILE):
        assert shard["label"] == batches[shard["batch"]] and shard["label"].endswith(shard["source"])
        texts = {row["document_id"]: row for row in made.table(DOCUMENTS_FILE, Ref("scrub", shard["documents"]))}
        for name in names_of(shard_of(made.workspace.store, shard["shard"], shard["heldout_share"])):
            row = texts[name]
            assert row["source"] == shard["source"]
            seen[row["source"]] += 1
            told = dict(row["metadata"])
            if row["source"] == "web":
                number = int(told["url"].rpartition("/")[2])
                assert told["url"] == f"http://{HOSTS[number % len(HOSTS)]}/{number}"
                assert (row["url"], row["fetched"]) == (f"pages.warc#{told['url']}", FETCHED)
                continue
            file, _, number = row["url"].partition("#")
            assert file == ("zh.jsonl" if int(number) >= 6 else "en.jsonl")
            assert row["licence"] == ("CC0-1.0" if int(number) % 2 else "CC-BY-4.0")
            assert (row["title"], told["url"]) == (f"Title {number}", f"https://press.example/{number}")
    assert seen == {"press": 12, "web": NUM_PAGES}


def test_what_a_cap_per_host_keeps_out_is_counted_and_told_and_comes_back_without_it(house: House) -> None:
    before = house.snapshot
    told = house.night(MOST)
    said = house.snapshot.facts["over_hosts"]["web"]
    assert said["num_hosts"] == 2  # with and without www.
    out = house.table(EXCLUDED_FILE)
    assert 0 < said["num_documents"] == len(out) < NUM_PAGES
    assert house.snapshot.facts["num_tokens"] == before.facts["num_tokens"] - said["num_tokens"]
    (note,) = (note for note in told["notes"] if "most_tokens_per_host" in note)
    assert note.startswith(f"web: {said['num_hosts_over']} of 2 hosts ha")
    assert f"{said['num_documents']} document" in note and "example" not in note
    assert note in plan_night(house.settings(MOST), house.workspace).notes
    html = page_path(house.workspace, names(house.workspace)[-1]).read_text(encoding="utf-8")
    assert note in html
    for number in range(NUM_PAGES):
        (story,) = why(house.workspace, f"pages.warc#http://{HOSTS[number % len(HOSTS)]}/{number}")
        is_out = story.document_id in {row["document_id"] for row in out}
        reason = "its host has more text than most_tokens_per_host of its source takes"
        assert story.left_out == (reason if is_out else None)
    assert not any("most_tokens_per_host" in note for note in house.night()["notes"])
    assert (house.snapshot.facts, house.snapshot.fingerprint) == (before.facts, before.fingerprint)


def test_a_cap_reads_no_text_again(house: House) -> None:
    """All that a night with it makes is a snapshot."""
    old = artifacts(house.workspace.root)
    house.night(MOST)
    made = [manifest.maker for name, manifest in artifacts(house.workspace.root).items() if name not in old]
    assert made == ["tokenize.snapshot"]


def test_texts_that_are_lost_are_made_again_for_it(house: House) -> None:
    """The hosts of the documents stand in them alone."""
    expected = house.night(MOST) and house.table(EXCLUDED_FILE)
    web = next(row for row in house.table(SHARDS_FILE) if row["source"] == "web")
    shutil.rmtree(house.workspace.store.path("scrub", web["documents"]))
    house.night(MOST + 1)
    assert house.workspace.store.is_present(Ref("scrub", web["documents"]))
    house.night(MOST)
    assert house.table(EXCLUDED_FILE) == expected


def test_where_no_document_has_a_host_that_is_said(house: House) -> None:
    (house.root / "web" / "pages.warc").unlink()
    (house.root / "web" / "page.txt").write_text(english(900), encoding="utf-8")
    with night_here(house.settings(MOST, ingest__max_gone_share="1")) as night:
        notes = refresh_data(night)["notes"]
    assert "web: most_tokens_per_host bounds nothing, since no document of it has an http address" in notes
