"""A bucket as a source, against moto's server: objects by size and time, each fetched once, read as files are."""

import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import GuardStop, SettingsError, UpstreamError
from pipeline_lib.ingest.objects import fetching
from pipeline_lib.ingest.objects.remote import RemoteFile
from pipeline_lib.ingest.s3 import bucket
from pipeline_lib.ingest.s3.bucket import Bucket
from pipeline_lib.ingest.sources.s3 import S3Source
from tests.s3_store import BUCKET, USER, S3Store
from tests.source_nights import House


@pytest.fixture(scope="module")
def running() -> Iterator[S3Store]:
    with S3Store() as store:
        yield store


@pytest.fixture
def store(running: S3Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> S3Store:
    """An empty bucket. Its objects are as if they had been there for long."""
    running.empty()
    for name, value in USER.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setattr(bucket, "YOUNG_NS", -3_600_000_000_000)
    monkeypatch.setattr(bucket, "TRIES", 1)
    return running


@pytest.fixture
def house(tmp_path: Path, store: S3Store) -> House:
    """A workspace whose source is the folder `docs` of the bucket."""
    return House(tmp_path, other=source(store))


def source(store: S3Store, **fields: Any) -> S3Source:
    told = {"name": "docs", "url": f"s3://{BUCKET}/docs", "endpoint": store.url, "region": "us-east-1", **fields}
    return S3Source.model_validate(told)


def night(house: House) -> Any:
    house.land()
    return house.night()


def test_objects_are_documents_as_files_of_a_folder_are(house: House, store: S3Store) -> None:
    store.put("docs/夜/a b.txt", "夜")
    store.put("docs/b.jsonl", '{"id": "1", "text": "one"}\n{"id": "2", "text": "two"}\n')
    store.put("docs/x.bin", b"\0")
    store.put("docs/.hidden/c.txt", "no")
    store.put("docs2/d.txt", "another prefix")
    plan = night(house)
    assert house.texts(plan) == {"夜/a b.txt": "夜", "b.jsonl#1": "one", "b.jsonl#2": "two"}
    assert {kind: one.num_files for kind, one in plan.passed_over.items()} == {".bin": 1, "hidden": 1}


def test_the_second_night_fetches_what_changed_and_withdraws_what_is_gone(house: House, store: S3Store) -> None:
    for name, text in {"same": "one", "other": "two", "gone": "three"}.items():
        store.put(f"docs/{name}.txt", text)
    night(house)
    store.log.clear()
    time.sleep(1.1)  # a store tells the time in seconds
    store.put("docs/other.txt", "2wo")
    store.remove("docs/gone.txt")
    plan = night(house)
    assert store.fetched() == ["docs/other.txt"]
    assert (house.texts(plan), plan.gone) == ({"other.txt": "2wo"}, ("gone.txt",))


def test_a_night_with_nothing_new_fetches_nothing(house: House, store: S3Store) -> None:
    store.put("docs/a.txt", "one")
    night(house)
    store.log.clear()
    house.land()
    assert (store.fetched(), house.scan()) == ([], None)


def test_an_object_written_again_with_the_same_bytes_is_no_news(house: House, store: S3Store) -> None:
    store.put("docs/a.txt", "one")
    night(house)
    time.sleep(1.1)
    store.put("docs/a.txt", "one")
    house.land()
    assert house.scan() is None


def test_a_young_object_is_fetched_once_more(house: House, store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "YOUNG_NS", 3_600_000_000_000)
    store.put("docs/a.txt", "one")
    night(house)
    store.log.clear()
    store.put("docs/a.txt", "two")  # as long, and in the same second
    assert house.texts(night(house)) == {"a.txt": "two"}
    assert store.fetched() == ["docs/a.txt"]


def test_a_lost_landing_brings_the_same_files_again(house: House, store: S3Store) -> None:
    store.put("docs/a.txt", "one")
    night(house)
    house.landing = None
    house.land()
    assert house.scan() is None


def test_patterns_and_the_mapping_of_fields_are_those_of_files(house: House, store: S3Store) -> None:
    house.other = source(
        store, url=f"s3://{BUCKET}/docs/", include=["in/*"], exclude=["*/no*"],
        text_template="{t}: {b}", title_field="t", encoding="gbk", delimiter=";",
    )  # fmt: skip
    store.put("docs/in/a.csv", "t;b\n标题;正文\n".encode("gbk"))
    store.put("docs/in/no.csv", "t;b\n1;2\n")
    store.put("docs/out/a.csv", "t;b\n1;2\n")
    (row,) = house.rows(night(house))
    assert (row["text"], row["title"]) == ("标题: 正文", "标题")


def test_an_address_may_be_that_of_one_object_or_of_a_whole_bucket(house: House, store: S3Store) -> None:
    store.put("docs/a.txt", "one")
    store.put("b.txt", "two")
    house.other = source(store, url=f"s3://{BUCKET}/docs/a.txt")
    assert house.texts(night(house)) == {"a.txt": "one"}
    other = house.elsewhere(other=source(store, url=f"s3://{BUCKET}"))
    assert other.texts(night(other)) == {"docs/a.txt": "one", "b.txt": "two"}


@pytest.mark.parametrize("key", ["docs/a//b.txt", "docs//b.txt", "docs/../b.txt", "docs/./b.txt", "docs/a/../b.txt"])
def test_a_key_that_is_no_path_costs_itself(house: House, store: S3Store, key: str) -> None:
    store.put("docs/a.txt", "one")
    store.put(key, "odd")
    plan = night(house)
    assert house.texts(plan) == {"a.txt": "one"}
    assert sum(one.num_files for one in plan.passed_over.values()) == 1


@pytest.mark.parametrize(
    "name", ["%23#?&=+ .txt", "a\\b.txt", "a\tb.txt", "é€😀.txt", "x" * 300 + ".txt", "a'\"<>.txt"]
)
def test_a_key_may_be_what_no_file_of_a_disk_is_called(house: House, store: S3Store, name: str) -> None:
    store.put(f"docs/{name}", "one")
    (url,) = house.texts(night(house))
    assert url == name.replace("%", "%25").replace("#", "%23")


def test_a_marker_of_a_folder_is_no_object(house: House, store: S3Store) -> None:
    store.put("docs/", "")
    store.put("docs/sub/", "")
    store.put("docs/sub/a.txt", "one")
    assert house.texts(night(house)) == {"sub/a.txt": "one"}


def test_an_object_that_changes_while_it_is_fetched_waits_and_its_version_stays(
    house: House, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("docs/a.txt", "one")
    night(house)
    store.put("docs/a.txt", "longer")
    with monkeypatch.context() as patch:
        _changes_when_listed(store, patch)
        house.land()
    assert house.scan() is None
    assert house.texts(night(house)) == {"a.txt": "longer still"}


def _changes_when_listed(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = Bucket.files

    def files(self: Bucket) -> Iterator[RemoteFile]:
        yield from list(listed(self))
        store.put("docs/a.txt", "longer still")

    monkeypatch.setattr(Bucket, "files", files)


def test_an_object_that_is_gone_between_listing_and_fetching_is_not_there(
    house: House, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("docs/a.txt", "one")
    store.put("docs/b.txt", "two")
    listed = Bucket.files

    def files(self: Bucket) -> Iterator[RemoteFile]:
        yield from list(listed(self))
        store.remove("docs/b.txt")

    monkeypatch.setattr(Bucket, "files", files)
    assert house.texts(night(house)) == {"a.txt": "one"}


def test_an_object_that_may_not_be_read_costs_itself_and_keeps_its_version(house: House, store: S3Store) -> None:
    store.put("docs/a.txt", "one")
    store.put("docs/b.txt", "two")
    store.fail("HEAD", "docs/b.txt", 403, "AccessDenied")
    plan = night(house)
    assert house.texts(plan) == {"a.txt": "one"}
    assert plan.passed_over["may not be read"].example == "b.txt"


def test_objects_of_which_none_may_be_read_are_a_matter_of_rights(house: House, store: S3Store) -> None:
    store.put("docs/a.txt", "one")
    store.fail("HEAD", "docs/", 403, "AccessDenied")
    with pytest.raises(SettingsError, match="lists 1 objects and lets none of them be read"):
        house.land()


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "NoSuchBucket", "there is no such bucket"),
        (403, "AccessDenied", "it may not be read as this user.*AWS_ACCESS_KEY_ID.*AWS_PROFILE.*anonymous"),
        (403, "InvalidAccessKeyId", "it may not be read as this user"),
        (403, "SignatureDoesNotMatch", "it may not be read as this user"),
        (400, "ExpiredToken", "it may not be read as this user"),
        (403, "RequestTimeTooSkewed", "the clock of this machine"),
        (301, "PermanentRedirect", "another region. Name it as its region"),
        (400, "AuthorizationHeaderMalformed", "another region. Name it as its region"),
        (404, "", "no store of S3. Correct its endpoint"),
    ],
)
def test_what_the_settings_have_to_mend_is_not_tried_again(
    house: House, store: S3Store, status: int, code: str, message: str
) -> None:
    store.put("docs/a.txt", "one")
    store.fail("GET", "?", status, code)
    with pytest.raises(SettingsError, match=message) as refused:
        house.land()
    assert BUCKET not in str(refused.value) and "s3cret" not in str(refused.value)


def test_a_bucket_that_is_not_there_is_said_by_the_store_itself(house: House, store: S3Store) -> None:
    house.other = source(store, url="s3://nowhere-at-all/docs")
    with pytest.raises(SettingsError, match="there is no such bucket"):
        house.land()


def test_a_prefix_without_objects_is_said(house: House, store: S3Store) -> None:
    store.put("docs/a.txt", "one")
    house.other = source(store, url=f"s3://{BUCKET}/dosc")
    with pytest.raises(SettingsError, match="no object lies under the url"):
        house.land()


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError"), (503, ""), (429, "TooMany")])
@pytest.mark.parametrize(("command", "begin"), [("GET", "?"), ("GET", "docs/")])
def test_a_store_that_is_busy_may_recover_and_what_was_fetched_is_kept(
    house: House, store: S3Store, status: int, code: str, command: str, begin: str
) -> None:
    store.put("docs/a.txt", "one")
    store.fail(command, begin, status, code)
    with pytest.raises(UpstreamError, match="does not answer"):
        house.land()
    store.faults.clear()
    assert house.texts(night(house)) == {"a.txt": "one"}


def test_a_request_that_fails_once_is_tried_again(
    house: House, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "TRIES", 3)
    monkeypatch.setattr(bucket, "FIRST_PAUSE_SECONDS", 0.01)
    store.put("docs/a.txt", "one")
    store.fail("GET", "?", 503, "SlowDown", times=1)
    store.fail("GET", "docs/", 500, "InternalError", times=2)
    assert house.texts(night(house)) == {"a.txt": "one"}


def test_an_endpoint_that_is_down_may_recover(house: House, store: S3Store) -> None:
    house.other = source(store, endpoint="http://127.0.0.1:9")
    with pytest.raises(UpstreamError, match=r"NETWORK_CONNECTION.*Look at the network"):
        house.land()


def test_an_endpoint_that_says_nothing_is_given_up(house: House, store: S3Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        house.other = source(store, endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=1)
        with pytest.raises(UpstreamError, match="NETWORK_CONNECTION"):
            house.land()


def test_a_body_that_is_cut_is_no_object(house: House, store: S3Store) -> None:
    store.put("docs/a.txt", "x" * 100_000)
    store.cut_at = 1000
    with pytest.raises(UpstreamError):
        house.land()
    assert len(house.texts(night(house))["a.txt"]) == 100_000


def test_a_night_that_was_killed_within_an_object_goes_on_there(
    house: House, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "READ_BYTES", 1000)
    store.put("docs/a.txt", "".join(f"{number:09d}\n" for number in range(1000)))
    _fail_after(store, 4, monkeypatch)
    with pytest.raises(UpstreamError):
        house.land()
    num_before = store.log.count("GET docs/a.txt")
    store.faults.clear()
    text = house.texts(night(house))["a.txt"]
    assert text.split() == [f"{number:09d}" for number in range(1000)]
    assert store.log.count("GET docs/a.txt") - num_before == 10 - 4


def _fail_after(store: S3Store, num_answers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The object is given in pieces, and fails after so many of them."""
    answer = store._pass_on

    def counted(handler: Any) -> None:
        answer(handler)
        if store.log.count("GET docs/a.txt") == num_answers and not store.faults:
            store.fail("GET", "docs/", 500, "InternalError")

    monkeypatch.setattr(store, "_pass_on", counted)


def test_a_bucket_that_lost_most_of_its_objects_stops_the_night(house: House, store: S3Store) -> None:
    for number in range(4):
        store.put(f"docs/{number}.txt", f"text {number}")
    night(house)
    house.settings = {"max_gone_share": 0.5}
    for number in range(3):
        store.remove(f"docs/{number}.txt")
    with pytest.raises(GuardStop, match="3 of the 4 objects of source 'docs' are gone"):
        house.land()


def test_a_disk_without_space_is_said_before_anything_is_fetched(
    house: House, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("docs/a.txt", "one")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _path: type("", (), {"free": 2}))
    with pytest.raises(UpstreamError, match="0 MiB are free"):
        house.land()
    assert store.fetched() == []


def test_the_landing_is_the_same_by_one_connection_and_by_many(house: House, store: S3Store) -> None:
    for number in range(40):
        store.put(f"docs/{number}.txt", f"text {number}")
    plans = []
    for num in (1, 16):
        other = house.elsewhere(f"by {num}", other=source(store, max_connections=num))
        plans.append(night(other).content)
    assert plans[0] == plans[1]


PAGE_KEYS = 1000


def _pages(num_keys: int) -> list[bytes]:
    pages = []
    for start in range(0, num_keys, PAGE_KEYS):
        more = start + PAGE_KEYS < num_keys
        keys = "".join(
            f"<Contents><Key>docs/{number:06d}.bin</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            f"<ETag>&quot;0&quot;</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for number in range(start, start + PAGE_KEYS)
        )
        told = f"<IsTruncated>{str(more).lower()}</IsTruncated><KeyCount>{PAGE_KEYS}</KeyCount>"
        token = f"<NextContinuationToken>{start}</NextContinuationToken>" if more else ""
        pages.append(
            f'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{BUCKET}</Name><Prefix>docs/</Prefix>{told}{token}{keys}</ListBucketResult>".encode()
        )
    return pages


def test_a_listing_of_a_hundred_thousand_objects_takes_little_memory(house: House, store: S3Store) -> None:
    store.pages = _pages(PAGE_KEYS)
    list(Bucket(house.other).files())  # type: ignore[arg-type]
    store.pages = _pages(100_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = house.land()
    print(f"grown: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before} KiB")
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (outcome.rows_out, store.pages) == (0, [])
    assert grown_kib < 150 * 1024


def test_a_public_bucket_is_asked_without_keys(house: House, store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("docs/a.txt", "one", "public-read")
    for name in USER:
        monkeypatch.delenv(name)
    signed = _signatures(store, monkeypatch)
    house.other = source(store, anonymous=True)
    assert house.texts(night(house)) == {"a.txt": "one"}
    assert set(signed) == {None}


def test_keys_may_come_from_a_profile(
    house: House, store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("docs/a.txt", "one")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (tmp_path / "keys").write_text("[team]\naws_access_key_id = of-the-profile\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    monkeypatch.setenv("AWS_PROFILE", "team")
    signed = _signatures(store, monkeypatch)
    assert house.texts(night(house)) == {"a.txt": "one"}
    assert all("of-the-profile" in (one or "") for one in signed)


def _signatures(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What requests are signed by, from here on."""
    signed: list[str | None] = []
    answer = store._pass_on

    def noted(handler: Any) -> None:
        signed.append(handler.headers.get("Authorization"))
        answer(handler)

    monkeypatch.setattr(store, "_pass_on", noted)
    return signed
