"""A document is forgotten: nothing of it is left, it never comes in again, and nothing else has changed."""

import json
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from flows.forget import forget_document
from flows.show.why import show_why
from pipeline_lib.base.errors import DataError, SettingsError
from pipeline_lib.base.failpoint import VARIABLE
from pipeline_lib.evaluate.stage import BENCHMARK
from pipeline_lib.forget.certificate import CHUNK_BYTES
from pipeline_lib.forget.find import alike, seek
from pipeline_lib.forget.work import bury
from pipeline_lib.ingest.naming import escape
from pipeline_lib.ingest.places import hash_of_id
from pipeline_lib.past.export import KINDS, export_snapshot
from pipeline_lib.past.ledger import why
from pipeline_lib.past.names import documents, urls_near
from pipeline_lib.plan.night import notes_of
from pipeline_lib.store.forgotten import read_tombstones
from pipeline_lib.store.shards import COUNTS_FILE, SHARDS_FILE, read_counts
from pipeline_lib.store.sides import side_of
from pipeline_lib.store.tokens import open_tokens
from pipeline_lib.store.workspace import Workspace
from tasks.forget import forget
from tasks.maintain import collect
from tests.data_nights import merging_soon, night
from tests.found_in import places_of
from tests.killed_forgets import check_forgotten, forgotten_in, killed_and_said_again, with_forget_key
from tests.tiny_night import (
    SOURCE,
    House,
    arguments,
    artifacts,
    chinese,
    copy_house,
    english,
    night_here,
    nightshift,
    refresh,
    tiny_settings,
    write_corpus,
    write_lines,
)

EDITED = "a_english.jsonl#en-9"  # which has two versions, in two batches
WHOLE = "note_100.txt"
TEXTS: Mapping[str, str] = {  # by url, of documents that no other one resembles
    EDITED: english(9),
    "a_english.jsonl#en-21": english(21),
    "b_chinese.jsonl#zh-3": chinese(3),
    WHOLE: english(100),
    "site_301.html": english(301),
}
OTHER_RULES = {
    "clean__rules": '{"min_words.v1": {"at_least": 10}}',
    "dedup__jaccard_at_least": "0.95",
    "tokenize__generation": "2",
}


@pytest.fixture(scope="module", autouse=True)
def scrub_key() -> Iterator[None]:
    """For all of these."""
    with merging_soon():
        yield


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Two nights of the data half: in the second one a document is another, and others are new."""
    root = tmp_path_factory.mktemp("lived")
    house = House(root / "workspace", write_corpus(root / "corpus"))
    refresh(tiny_settings(house.workspace, house.corpus))
    edit(house)
    refresh(tiny_settings(house.workspace, house.corpus))
    makers = {made.maker for made in artifacts(house.workspace).values()}
    assert {"ingest.past", "dedup.index", "tokenize.merged"} <= makers
    return house


@pytest.fixture
def house(lived: House, tmp_path: Path) -> House:
    """A copy of it."""
    return copy_house(lived, tmp_path / "house")


def edit(house: House) -> None:
    """Another version of one document, and some new ones."""
    path = house.corpus / "a_english.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    texts = {line["id"]: line["text"] for line in lines}
    texts["en-9"] += f"\n{english(909).splitlines()[0]}"
    write_lines(path, texts | {f"en-{number}": english(number) for number in range(50, 54)})


def forget_now(house: House, url: str, *, is_now: bool = True) -> None:
    """What `nightshift forget` does, in this process."""
    with night_here(tiny_settings(house.workspace, house.corpus)) as here:
        forget(here, seek(here.workspace, url, None), is_now=is_now)


def needles(house: House, url: str) -> dict[str, bytes]:
    """All that a document is known by: names, ids as text and as bytes, the hash of its place, each of its lines."""
    ids = [one.document_id for one in documents(Workspace(house.workspace), url)]
    lines = [line for line in TEXTS.get(url, "").splitlines() if line]
    return {
        "url": url.encode(),
        "side": str(side_of(SOURCE, url)).encode(),
        **{f"id {number}": one.encode() for number, one in enumerate(ids)},
        **{f"id {number}, packed": bytes.fromhex(one) for number, one in enumerate(ids)},
        **{f"line {number}": line.encode() for number, line in enumerate(lines)},
    }


def held_out(house: House) -> str:
    """A held-out document of the benchmark whose name no other one's begins with."""
    (made,) = list(Workspace(house.workspace).store.list(BENCHMARK.name))[:1]
    path = house.workspace / "artifacts" / "evaluate" / made.fingerprint / "documents.parquet"
    urls = pq.read_table(path)["url"].to_pylist()
    return next(str(url) for url in urls if len(url.partition("#")[2]) == len("en-10"))


@pytest.mark.parametrize("url", [*TEXTS, "held out", "copies.jsonl#copy-2"])
def test_nothing_of_a_forgotten_document_is_left_in_any_file(house: House, url: str) -> None:
    url = held_out(house) if url == "held out" else url
    wanted = needles(house, url)
    assert set(places_of(house.workspace, wanted)) >= {"url", "id 0"}

    forget_now(house, url)

    assert places_of(house.workspace, wanted) == {}
    store = Workspace(house.workspace).store
    assert all(store.is_present(ref) for ref in store.everything())
    assert why(Workspace(house.workspace), url) == []
    assert url not in urls_near(Workspace(house.workspace), url, 5)


@pytest.mark.parametrize("url", [EDITED, WHOLE])
def test_all_other_documents_are_as_they_were(house: House, lived: House, url: str) -> None:
    stone_ids = {one.document_id for one in documents(Workspace(house.workspace), url)}

    forget_now(house, url)

    before, after = (everything(one.workspace) for one in (lived, house))
    gone = {entry for entry in before if entry[1] in stone_ids}
    assert gone and {entry for entry in before if entry not in gone} <= set(after)
    assert all(before[entry] == after[entry] for entry in before if entry not in gone)


def everything(workspace: Path) -> dict[tuple[str, str], tuple[object, ...]]:
    """The text or the tokens of each document in each artifact, with its place there."""
    found: dict[tuple[str, str], tuple[object, ...]] = {}
    for path in sorted((workspace / "artifacts").rglob("documents.parquet")):
        rows = pq.read_table(path, columns=["document_id", "url", "text"]).to_pylist()
        counted = path.parent.parent.name != "evaluate"  # a benchmark loses the row
        for number, row in enumerate(rows):
            name = str(path.relative_to(workspace))
            found[name, row["document_id"]] = (number if counted else None, row["url"], row["text"])
    for path in sorted((workspace / "artifacts").rglob("tokens.arrow")):
        shard = open_tokens(path)
        for number, document in enumerate(shard.document_ids.to_pylist()):
            ids = shard.ids[shard.starts[number] :][: shard.lengths[number]].tolist()
            found[str(path.relative_to(workspace)), document] = (number, ids)
    return found


def test_what_is_counted_of_tokens_is_what_is_left(house: House) -> None:
    store = Workspace(house.workspace).store
    totals = {one.fingerprint: counted(house, one.fingerprint) for one in store.list("tokenize.encode")}
    for url in (EDITED, WHOLE, "a_english.jsonl#en-21"):  # the first and the last one lie in one shard
        forget_now(house, url)

    changed = {one: counted(house, one) for one in totals if (counted(house, one) != totals[one]).any()}
    assert len(changed) == 3 and all((totals[one] >= own).all() for one, own in changed.items())
    for one in artifacts(house.workspace).values():
        if one.maker in ("tokenize.shards", "tokenize.merged", "tokenize.snapshot"):
            folder = house.workspace / "artifacts" / str(one.ref)
            shards = pq.read_table(folder / SHARDS_FILE)["shard"].to_pylist()
            assert (read_counts([folder / COUNTS_FILE]) == sum(counted(house, shard) for shard in shards)).all()


def counted(house: House, shard: str) -> NDArray[np.int64]:
    """How often each token comes in a token shard, as it is counted there."""
    return read_counts([house.workspace / "artifacts" / "tokenize" / shard / COUNTS_FILE])


@pytest.mark.parametrize("url", [EDITED, WHOLE])
def test_the_next_night_makes_only_the_snapshot_anew(house: House, url: str) -> None:
    forget_now(house, url)

    made = night(house)

    assert made.labels == set() and {stage for stage, _, _ in made.made} <= {"tokenize", "evaluate"}
    assert url not in made.urls and TEXTS[url].splitlines()[0] not in made.tokenized_text
    assert night(house).made == {}


def test_it_is_refused_and_counted_when_it_comes_again(house: House) -> None:
    for url in (EDITED, WHOLE):
        forget_now(house, url)
    path = house.corpus / "a_english.jsonl"
    texts = {line["id"]: line["text"] for line in map(json.loads, path.read_text().splitlines())}
    write_lines(path, texts | {"en-9": f"{english(9)} Again.", "en-60": english(60)})
    (house.corpus / WHOLE).write_text(f"{english(100)} Again.", encoding="utf-8")

    made = night(house)

    (batch,) = [one for one in artifacts(house.workspace).values() if one.fingerprint == last_batch(house)]
    assert (batch.rows_out, dict(batch.dropped)) == (1, {"forgotten": 1})
    assert batch.facts["passed_over"]["forgotten"] == 1
    assert made.urls.isdisjoint({EDITED, WHOLE}) and "a_english.jsonl#en-60" in made.urls
    assert places_of(house.workspace, {"again": b"Again."}) == {}


def last_batch(house: House) -> str:
    """The newest one."""
    return Workspace(house.workspace).batches()[-1].fingerprint


@pytest.mark.parametrize("url", ["a_english.jsonl#en-21", WHOLE])
def test_without_now_it_is_left_out_at_once_and_taken_out_later(house: House, tmp_path: Path, url: str) -> None:
    wanted = needles(house, url)
    forget_now(house, url, is_now=False)

    assert why(Workspace(house.workspace), url) == []
    made = night(house, ingest__max_gone_share="0")  # it is not a file that is gone
    assert url not in made.urls and made.labels == set()
    assert any(
        "forgotten, and still in artifacts: 1 document" in note for note in notes_of(made.plan, made.workspace.store)
    )
    export_snapshot(Workspace(house.workspace), tmp_path / "export", KINDS, lambda *_: None)
    assert places_of(tmp_path / "export", wanted) == {}
    assert places_of(house.workspace, wanted) != {}

    with night_here(tiny_settings(house.workspace, house.corpus)) as here:
        collect(here)  # as maintenance does

    (stone,) = read_tombstones(house.workspace)
    assert stone.purged is not None and places_of(house.workspace, wanted) == {}
    assert night(house).made == {}


def test_a_held_out_document_leaves_the_benchmarks_at_once(house: House) -> None:
    url = held_out(house)
    forget_now(house, url, is_now=False)

    found = list(Workspace(house.workspace).store.list(BENCHMARK.name))
    for made in found:
        folder = house.workspace / "artifacts" / "evaluate" / made.fingerprint
        told = json.loads((folder / "benchmark.json").read_text())
        urls = pq.read_table(folder / "documents.parquet")["url"].to_pylist()
        assert url not in urls
        assert len(urls) == made.rows_out == made.facts["num_documents"] == told["num_documents"]
    refresh(tiny_settings(house.workspace, house.corpus))
    for made in Workspace(house.workspace).store.list(BENCHMARK.name):
        path = house.workspace / "artifacts" / "evaluate" / made.fingerprint / "documents.parquet"
        assert url not in pq.read_table(path)["url"].to_pylist()


@pytest.mark.parametrize("name, value", OTHER_RULES.items())
def test_other_rules_are_tried_on_all_other_documents(house: House, name: str, value: str) -> None:
    for url in (WHOLE, EDITED):
        forget_now(house, url)

    made = night(house, **{name: value})

    assert name.partition("__")[0] in made.stages and made.urls.isdisjoint({WHOLE, EDITED})
    assert len(made.urls) > 40 and made.plan.found.given_up == ()
    assert night(house, **{name: value}).made == {}


def test_a_file_that_was_none_at_first_leaves_the_quarantine_too(house: House) -> None:
    path, text = house.corpus / "late.txt", english(970)
    path.write_bytes(b"\xff\xfe\xfd" * 9)
    refresh(tiny_settings(house.workspace, house.corpus))
    path.write_text(text, encoding="utf-8")
    refresh(tiny_settings(house.workspace, house.corpus))
    wanted = {"url": b"late.txt", "words": text.splitlines()[0].encode()}
    assert any("quarantine.parquet" in place for place in places_of(house.workspace, wanted)["url"])

    forget_now(house, "late.txt")

    assert places_of(house.workspace, wanted) == {}
    assert night(house).labels == set()


@pytest.mark.parametrize("name", ["笔记 1.txt", "a#b 100%.txt"])
def test_a_certificate_names_the_files_in_which_it_stands_however_it_is_written(house: House, name: str) -> None:
    (house.corpus / name).write_text(english(980), encoding="utf-8")
    refresh(tiny_settings(house.workspace, house.corpus))
    (url,) = [one for one in urls_near(Workspace(house.workspace), name, 5) if one == escape(name)]
    logs = house.workspace / "logs"
    logs.mkdir(exist_ok=True)
    (logs / "path.log").write_text(f"{'x' * (CHUNK_BYTES - 3)}{name} was read", encoding="utf-8")  # over two reads
    (logs / "url.json").write_text(json.dumps({"url": url}))
    (logs / "gone.log").symlink_to("nowhere")
    (logs / "other.log").write_text("of another one")

    forget_now(house, url)

    (certificate,) = (house.workspace / "certificates").glob("*.json")
    told = json.loads(certificate.read_text())
    assert (told["still_in"], told["unread"]) == (["logs/path.log", "logs/url.json"], [])


def test_versions_that_lie_in_no_batch_go_too(house: House) -> None:
    wanted = needles(house, EDITED)
    workspace = Workspace(house.workspace)
    workspace.save_batches(workspace.batches()[:1])

    forget_now(house, EDITED)

    assert places_of(house.workspace, wanted) == {}


def test_a_kill_at_any_write_leaves_nothing_half_done(lived: House, tmp_path: Path) -> None:
    """At a few of them; tests/soak does it at each."""
    wanted = needles(lived, EDITED)
    twin = forgotten_in(tmp_path / "twin", lived, EDITED)
    for number, point in enumerate(("forget:between_renames:7", "files:before_change:21", "forget:purged:1")):
        assert killed_and_said_again(lived, tmp_path / f"killed {number}", EDITED, point, wanted, twin)
    own = with_forget_key(copy_house(lived, tmp_path / "late"))
    words = arguments(own.workspace, own.corpus)
    killed = nightshift("forget", EDITED, "--now", "--yes", *words, **{VARIABLE: "forget:before_rename:11"})
    assert killed.status == -9, killed.err
    assert "id 0" in places_of(own.workspace, wanted)
    assert nightshift("ingest", *words).status == 0  # any command goes on
    check_forgotten(own, wanted, twin)


def test_of_damaged_artifacts_those_go_that_may_hold_it(house: House) -> None:
    cut = next(path for path in sorted((house.workspace / "artifacts" / "clean").rglob("signals.parquet")))
    cut.write_bytes(cut.read_bytes()[:-9])  # nobody can say what it holds
    folders = {path.parent for path in (house.workspace / "artifacts" / "clean").rglob("ledger.parquet")}
    ids = [one.document_id for one in documents(Workspace(house.workspace), WHOLE)]
    others = [one for one in folders if ids[0] not in pq.read_table(one / "ledger.parquet")["document_id"].to_pylist()]
    (mine,) = folders - set(others)
    for folder in (mine, others[0]):
        (folder / "manifest.json").write_text("{}")

    forget_now(house, WHOLE)

    assert (cut.exists(), mine.exists(), others[0].exists()) == (False, False, True)
    night(house)


@pytest.mark.parametrize("name", ["forgotten", "forgetting"])
def test_a_changed_record_stops_with_what_to_do(house: House, name: str) -> None:
    forget_now(house, WHOLE, is_now=False)
    path = house.workspace / "state" / f"{name}.json"
    path.write_text(path.read_text().replace("docs", "dogs") if path.exists() else "[1]")

    with pytest.raises(DataError, match=rf"{name}\.json: .*(Put it back|Delete it)"):
        forget_now(house, EDITED)


def test_tombstones_and_certificates_name_nothing_and_the_key_is_private(house: House) -> None:
    wanted = needles(house, WHOLE)
    forget_now(house, WHOLE)

    (stone,) = read_tombstones(house.workspace)
    (page,) = (house.workspace / "certificates").glob("*.md")
    told = json.loads(page.with_suffix(".json").read_text())
    assert places_of(house.workspace / "state", wanted) == places_of(page.parent, wanted) == {}
    assert (told["document"], told["num_versions"], told["batches"]) == (stone.place, 1, ["0001-docs"])
    assert {"ingest.read", "clean.text", "dedup.decide", "scrub.text", "tokenize.encode"} <= set(told["removed_from"])
    assert (house.workspace / "keys" / "forget.key").stat().st_mode & 0o777 == 0o600
    (house.workspace / "keys" / "forget.key").unlink()
    with pytest.raises(DataError, match=r"forget\.key: is missing\. Put it back"):
        refresh(tiny_settings(house.workspace, house.corpus))


def test_backups_that_are_on_record_are_named(house: House) -> None:
    noted = [{"vault": "v", "folder": "file:///backups", "id": "20200101-000000-aaaa", "time": 1577836800.0}]
    (house.workspace / "state" / "backups.json").write_text(json.dumps(noted))

    forget_now(house, WHOLE)

    (page,) = (house.workspace / "certificates").glob("*.md")
    assert "20200101-000000-aaaa in file:///backups" in page.read_text()


def test_a_document_of_several_sources_asks_which(tmp_path: Path) -> None:
    house = House(tmp_path / "workspace", write_corpus(tmp_path / "corpus"))
    shutil.copytree(house.corpus, tmp_path / "other")
    write_lines(tmp_path / "other" / "a_english.jsonl", {f"en-{number}": english(700 + number) for number in range(24)})
    files = [{"kind": "files", "name": name, "path": str(tmp_path / name)} for name in ("corpus", "other")]
    settings = tiny_settings(house.workspace, house.corpus, ingest__sources=json.dumps(files))
    refresh(settings)
    url = "a_english.jsonl#en-20"

    with pytest.raises(SettingsError, match=r"of several sources: corpus, other\. Say which: --source NAME"):
        seek(Workspace(house.workspace), url, None)
    with pytest.raises(SettingsError, match=r"is no document of source 'docs', but of corpus, other\. Name"):
        seek(Workspace(house.workspace), url, "docs")
    with night_here(settings) as here:
        forget(here, seek(here.workspace, url, "other"), is_now=True)

    (left,) = documents(Workspace(house.workspace), url)
    assert left.batch.source == "corpus"
    second, workspace = "a_english.jsonl#en-19", Workspace(house.workspace)
    with night_here(settings) as here:
        forget(here, seek(here.workspace, second, "other"), is_now=False)
    forget_document(settings, workspace, second, None, is_now=True, is_dry=False, is_sure=True, as_json=True)
    assert list(documents(workspace, second)) == [], "the one that is not buried yet is meant as well"
    assert [stone.purged is not None for stone in read_tombstones(house.workspace)] == [True] * 3
    refresh(settings)


def test_a_row_of_a_database_is_forgotten_and_never_lands_again(tmp_path: Path) -> None:
    database, house = tmp_path / "data.db", House(tmp_path / "workspace", tmp_path)
    source = {"kind": "sql", "name": "rows", "url": f"sqlite:///{database}", "table": "texts"}
    settings = tiny_settings(
        house.workspace, tmp_path, ingest__sources=json.dumps([source | {"incremental_column": "grown"}])
    )
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE texts (id TEXT, text TEXT, grown INTEGER)")
        rows = [(f"person-{number}", english(number), number) for number in range(10, 34)]
        connection.executemany("INSERT INTO texts VALUES (?, ?, ?)", rows)
    refresh(settings)
    wanted = {"row": b"person-21", "words": english(21).splitlines()[0].encode(), "hash": hash_of_id("person-21")}
    assert len(places_of(house.workspace, wanted)) == len(wanted)

    with night_here(settings) as here:
        forget(here, seek(here.workspace, "texts#person-21", None), is_now=True)
    assert places_of(house.workspace, wanted) == {}

    for text in (english(21), english(921)):
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE texts SET text = ?, grown = grown + 100 WHERE id = 'person-21'", (text,))
            connection.execute("INSERT INTO texts VALUES (?, ?, 200)", (f"other-{len(text)}", f"{text} Other."))
        refresh(settings)
        assert places_of(house.workspace, {"row": b"person-21", "hash": wanted["hash"]}) == {}
    newest = max(Workspace(house.workspace).store.list("ingest.land"), key=lambda one: one.created)
    assert (newest.rows_out, newest.facts["num_fetched"]) == (25, 3)  # and not all rows, each night


def test_the_command_shows_first_and_asks(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    own = arguments(house.workspace, house.corpus)
    before = {path: path.stat().st_mtime_ns for path in house.workspace.rglob("*") if path.is_file()}

    shown = nightshift("forget", EDITED, "--dry-run", "--json", *own)
    unknown = nightshift("forget", "a_english.jsonl#en-99", "--now", "--yes", *own)
    unsure = nightshift("forget", EDITED, "--now", *own)

    assert [one["batch"] for one in json.loads(shown.out)["versions"]] == ["0001-docs", "0002-docs"]
    assert unknown.status == unsure.status == SettingsError.exit_code
    assert "Did you mean one of these?" in unknown.err and "a_english.jsonl#en-9" in unknown.err
    assert "Say --yes" in unsure.err
    assert before == {path: path.stat().st_mtime_ns for path in house.workspace.rglob("*") if path.is_file()}

    done = nightshift("forget", EDITED, "--now", "--yes", "--json", *own)
    again = nightshift("forget", EDITED, "--now", "--yes", *own)

    assert Path(json.loads(done.out)["certificate"]).is_file()
    show_why(Workspace(house.workspace), EDITED, all_values=False, as_json=False)
    assert "forgotten on" in capsys.readouterr().out
    assert again.status == SettingsError.exit_code and "is forgotten already" in again.err


@pytest.mark.parametrize(
    ("url", "copies"),
    [
        ("a_english.jsonl#en-1", ["copies.jsonl#copy-1"]),
        ("copies.jsonl#copy-1", ["a_english.jsonl#en-1"]),
        ("a_english.jsonl#en-4", ["copies.jsonl#near-4"]),
        ("a_english.jsonl#en-21", []),
    ],
)
def test_other_documents_of_the_same_text_are_named(house: House, url: str, copies: list[str]) -> None:
    """They are not forgotten with it."""
    workspace = Workspace(house.workspace)
    assert alike(workspace, seek(workspace, url, None)) == copies


def test_burying_twice_keeps_one_tombstone(house: House) -> None:
    with night_here(tiny_settings(house.workspace, house.corpus)) as here:
        sought = seek(here.workspace, WHOLE, None)
        for at in (1.0, 2.0):
            bury(here.workspace, sought, at=at)

    (stone,) = read_tombstones(house.workspace)
    assert stone.at == 2.0
