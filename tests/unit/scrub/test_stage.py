"""A shard of documents, scrubbed."""

import hashlib
import itertools
import json
import pickle
import re
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline_lib.base.errors import DataError
from pipeline_lib.run.maker import Work
from pipeline_lib.scrub.detect import find
from pipeline_lib.scrub.kept import Shard, read_kept
from pipeline_lib.scrub.key import KEY_VARIABLE, ScrubKey
from pipeline_lib.scrub.pseudonym import replacement
from pipeline_lib.scrub.settings import ScrubSettings
from pipeline_lib.scrub.stage import TEXT
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import write_parquet

GOLDEN = Path(__file__).with_name("golden.json")
TOKEN = re.compile(r"<(EMAIL|IP|CN_ID|CARD|PHONE)_k[0-9a-f]{8}_[0-9a-f]{16}>")
ONE_OF_EACH = {
    "email": "来信 jane@example.org 。",
    "ip": "from 93.184.216.34 ",
    "cn_id": "身份证11010519491231002X，",
    "card": "卡号4111 1111 1111 1111。",
    "phone": "电话138-1234-5678",
}


def test_each_kind_becomes_a_pseudonym_that_says_kind_and_key(scrub: Any, key: ScrubKey) -> None:
    texts = scrub(ONE_OF_EACH).texts
    for kind, text in texts.items():
        assert [match.group(1) for match in TOKEN.finditer(text)] == [kind.upper()]
        assert f"_k{key.key_id}_" in text
    assert texts["phone"].startswith("电话<") and texts["card"].endswith(">。")


def test_one_value_in_many_spellings_is_one_pseudonym(scrub: Any) -> None:
    spellings = [
        "13812345678",
        "+86 138 1234 5678",
        "１３８－１２３４－５６７８",
        "138\u200b1234\u200b5678",
        "0086-13812345678",
    ]
    assert len(set(scrub({str(number): text for number, text in enumerate(spellings)}).texts.values())) == 1
    addresses = ["Jane@Example.ORG", "jane＠example．org", "jane at example dot org"]
    assert len(set(scrub({str(number): text for number, text in enumerate(addresses)}).texts.values())) == 1


def test_other_values_and_other_keys_give_other_pseudonyms(scrub: Any) -> None:
    texts = [
        scrub({"a": "13812345678"}).texts["a"],
        scrub({"a": "13812345679"}).texts["a"],
        scrub({"a": "13812345678"}, key=ScrubKey(bytes(range(1, 33)))).texts["a"],
    ]
    assert len(set(texts)) == 3
    assert texts[0][:10] == texts[1][:10] != texts[2][:10]


def test_a_pseudonym_cannot_be_found_by_hashing_all_numbers_without_the_key(scrub: Any) -> None:
    token = scrub({"a": "13812345678"}).texts["a"].removesuffix(">").rsplit("_", 1)[1]
    numbers = (f"+86138123456{last:02}" for last in range(100))
    tries = [f"{before}{number}".encode() for number in numbers for before in ("", "phone", "phone\0")]
    assert not any(hashlib.sha256(text).hexdigest().startswith(token) for text in tries)


def test_scrubbing_twice_changes_nothing(scrub: Any) -> None:
    first = scrub(ONE_OF_EACH | {"all": " ".join(ONE_OF_EACH.values()), "list": "电话：" + " 13812345678" * 3})
    second = scrub(first.texts)
    assert second.texts == first.texts
    assert sum(second.outcome.facts[f"num_{kind}"] for kind in ONE_OF_EACH) == 0


PIECES = [*ONE_OF_EACH.values(), "13812345678", "4111111111111111", "02164185758", "467 3395", "jane@example.org"]
GLUE = ["", " ", "-", "/", "=", ", ", "phone ", "订单", "@", "_", ".", "0", "夜"]


@given(st.lists(st.tuples(st.sampled_from(PIECES), st.sampled_from(GLUE)), max_size=6), st.booleans())
def test_what_was_left_alone_once_is_left_alone_the_next_time(pairs: list[tuple[str, str]], is_named: bool) -> None:
    text = "".join(piece + glue for piece, glue in pairs).encode()
    key = ScrubKey(bytes(range(32)))
    for hit in reversed(find(text, ("CN", "US", "GB"))):
        token = replacement(key, hit.kind, hit.value, "pseudonym" if is_named else "placeholder")
        text = text[: hit.start] + token.encode() + text[hit.end :]
    assert find(text, ("CN", "US", "GB")) == []


def test_pseudonyms_made_of_digits_alone_are_left_alone(scrub: Any) -> None:
    text = "phone <PHONE_k13812345_1381234567811111> <CARD_k41111111_4111111111111111>"
    assert scrub({"a": text}).texts["a"] == text


def test_a_placeholder_says_the_kind_only(scrub: Any) -> None:
    assert scrub({"a": "写信给jane@example.org吧"}, email="placeholder").texts == {"a": "写信给<EMAIL>吧"}


def test_drop_takes_the_document_out_and_says_why(scrub: Any) -> None:
    done = scrub({"a": "13812345678 and 13912345678", "b": "jane@example.org"}, phone="drop")
    assert list(done.texts) == ["b"]
    assert done.outcome.dropped == {"has_phone": 1}
    assert done.ledger["a"]["reason"] == "has_phone"
    assert done.ledger["a"]["failed"] == [{"rule": "has_phone.v1", "value": 2.0, "limit": 0.0}]


def test_all_failing_rules_are_in_the_ledger_and_the_first_one_counts(scrub: Any) -> None:
    done = scrub({"a": "13812345678 jane@example.org"}, phone="drop", email="drop")
    assert done.outcome.dropped == {"has_email": 1}
    assert [failed["rule"] for failed in done.ledger["a"]["failed"]] == ["has_email.v1", "has_phone.v1"]


def test_only_what_clean_and_dedup_keep_comes_in(scrub: Any) -> None:
    texts = {name: f"text {name}, 13812345678" for name in "abcdefg"}
    done = scrub(texts, fields={"unfit": ["b", "g"], "copies": ["c", "d"]})
    assert list(done.texts) == list(done.ledger) == ["a", "e", "f"]
    assert done.outcome.rows_in == done.outcome.rows_out == done.outcome.facts["num_phone"] == 3


def test_where_nothing_is_kept_the_files_are_empty(scrub: Any) -> None:
    done = scrub({"a": "one", "b": "two", "c": "three"}, fields={"unfit": ["a", "b"], "copies": ["c"]})
    assert done.texts == done.ledger == {}


def test_a_document_has_the_language_that_its_signals_say(scrub: Any) -> None:
    documents = scrub({"a": "plain", "b": "夜里", "c": "more", "d": "夜"}, fields={"copies": ["c"]}).documents
    assert {name: row["language"] for name, row in documents.items()} == {"a": None, "b": "zh", "d": "zh"}


def test_title_licence_metadata_and_messages_are_scrubbed_like_the_text(scrub: Any) -> None:
    said = "来信 jane@example.org 。"
    fields = {
        "title": said,
        "licence": said,
        "metadata": [("author", said), ("jane@example.org", "x"), ("none", None)],
        "messages": [{"role": "user", "content": said}, {"role": "assistant", "content": "夜"}],
    }
    done = scrub({"a": said, "b": "夜"}, fields=fields)
    document = done.documents["b"]
    clean = done.texts["a"]
    token = clean.removeprefix("来信 ").removesuffix(" 。")
    assert document["title"] == document["licence"] == clean
    assert document["metadata"] == [("author", clean), (token, "x"), ("none", None)]
    assert document["messages"] == [{"role": "user", "content": clean}, {"role": "assistant", "content": "夜"}]
    assert (done.ledger["a"]["num_email"], done.ledger["b"]["num_email"]) == (6, 5)


def test_a_value_in_the_title_alone_takes_the_document_out_where_that_is_asked(scrub: Any) -> None:
    done = scrub({"a": "夜"}, fields={"title": "13812345678"}, phone="drop")
    assert done.texts == {} and done.outcome.dropped == {"has_phone": 1}


def test_what_names_a_document_stays_as_it_is(scrub: Any) -> None:
    done = scrub({"jane@example.org": "夜"}, fields={"source": "93.184.216.34"})
    assert done.documents["jane@example.org"]["url"] == "jane@example.org"
    assert done.documents["jane@example.org"]["source"] == "93.184.216.34"


def test_the_ledger_has_a_row_for_each_document_in_order_with_counts(scrub: Any) -> None:
    done = scrub({"z": "夜", "a": "jane@example.org, joe@example.org, 13812345678"})
    assert list(done.ledger) == ["z", "a"]
    counts = {name: value for name, value in done.ledger["a"].items() if name.startswith("num_")}
    assert counts == {"num_email": 2, "num_ip": 0, "num_cn_id": 0, "num_card": 0, "num_phone": 1}
    assert done.ledger["z"]["is_kept"] and done.ledger["z"]["failed"] == []


def test_the_law_holds_and_the_facts_count(scrub: Any, key: ScrubKey) -> None:
    done = scrub(ONE_OF_EACH, fields={"copies": ["ip"]}, card="drop")
    outcome = done.outcome
    assert (outcome.rows_in, outcome.rows_out, sum(outcome.dropped.values())) == (4, 3, 1)
    assert outcome.facts == {
        "key_id": key.key_id, "num_bytes": sum(len(text.encode()) for text in done.texts.values()),
        "num_email": 1, "num_ip": 0, "num_cn_id": 1, "num_card": 1, "num_phone": 1,
    }  # fmt: skip


def test_an_empty_shard_stays_an_empty_shard(scrub: Any) -> None:
    done = scrub({})
    assert done.outcome.rows_in == done.outcome.rows_out == 0
    assert pq.read_table(done.folder / "documents.parquet").schema.equals(DOCUMENTS_SCHEMA)


def test_clean_texts_stay_as_they_are(scrub: Any) -> None:
    texts = {"a": "", "b": "夜里\r\n没有\0什么\u2028", "c": "é🌙\u200b" * 3, "d": "v1.2.3.4 2023-03-09"}
    assert scrub(texts).texts == texts


def test_the_same_input_gives_the_same_bytes(scrub: Any) -> None:
    first, second = scrub(ONE_OF_EACH), scrub(ONE_OF_EACH)
    for name in ("documents.parquet", "ledger.parquet"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()


def test_no_canary_is_left_in_any_file(scrub: Any) -> None:
    mobiles = [f"138{number:08}" for number in range(70_000_000, 70_000_040)]
    spell = [
        "{}", "+86{}", "+86 {}", "0086{}", "电话{}", "（{}）", "tel:{}", "{}。", "手机号{}，", "mobile={}",
    ]  # fmt: skip
    plain = {f"m{number}": spell[number % len(spell)].format(mobile) for number, mobile in enumerate(mobiles)}
    split = {
        f"s{number}": f"联系 {m[:3]}-{m[3:7]}-{m[7:]} 或 {m[:3]} {m[3:7]} {m[7:]}" for number, m in enumerate(mobiles)
    }
    mails = {f"e{number}": f"写给canary{number}@example.org吧" for number in range(40)}
    done = scrub(plain | split | mails)
    written = b"\n".join(text.encode() for text in done.texts.values())
    files = b"".join(path.read_bytes() for path in sorted(done.folder.iterdir()))
    raw = [m.encode() for m in mobiles] + [f"canary{number}@".encode() for number in range(40)]
    raw += [f"{m[:3]}{sign}{m[3:7]}{sign}{m[7:]}".encode() for m, sign in itertools.product(mobiles, "- ")]
    assert not [value for value in raw if value in written or value in files]
    assert json.dumps(dict(done.outcome.facts)).count("138700000") == 0


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("text/documents.parquet", "is not documents.v2, it has no column fetched"),
        ("judged/ledger.parquet", "is not of the documents of its shard"),
        ("decided/part-00003/ledger.parquet", "is not of the documents of its shard"),
    ],
)
@pytest.mark.parametrize("names", ["ab", "abcd", "abx"])
def test_files_of_another_shard_or_schema_are_refused(
    make_shard: Any, key: ScrubKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, says: str, names: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key.secret.hex())
    shard = make_shard({"a": "one", "b": "two", "c": "three"})
    write_parquet(pa.table({"document_id": list(names), "is_kept": [True] * len(names)}), shard.text.parent / file)
    with pytest.raises(DataError, match=says):
        shard.scrubbed(ScrubSettings(), key, tmp_path / "done")


def test_a_work_in_a_pickle_holds_the_id_of_the_key_and_not_the_key(
    key: ScrubKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key.secret.hex())
    inputs = {name: Ref("clean", "0" * 32) for name in ("text", "signals", "judged", "decided")}
    work = Work(TEXT, ScrubSettings().only(TEXT.reads), inputs, {"part": 0, "key_id": key.key_id})
    pickled = pickle.dumps(work)
    assert key.key_id.encode() in pickled
    assert key.secret not in pickled and key.secret.hex().encode() not in pickled
    assert len(pickled) < 2_000
    with pytest.raises(TypeError, match="hand on its id"):
        pickle.dumps(Work(TEXT, params={"key": key}))


def test_memory_follows_the_piece_and_not_the_shard(make_shard: Any, key: ScrubKey) -> None:
    texts = {str(number): f"text {number}" for number in range(9)}
    shard = make_shard(texts)
    pieces = read_kept(Shard(*(next(path.rglob("*.parquet")) for path in astuple(shard))))
    assert [len(piece) for piece in pieces] == [2, 2, 2, 2, 1]


def test_unknown_settings_and_regions_are_refused() -> None:
    with pytest.raises(ValidationError):
        ScrubSettings.model_validate({"names": "drop"})
    with pytest.raises(ValidationError):
        ScrubSettings(phone_regions=("china",))


def test_regions_decide_which_national_numbers_are_known(scrub: Any) -> None:
    text = {"a": "06 12 34 56 78"}
    assert scrub(text).texts == text
    assert scrub(text, phone_regions=("FR",)).texts["a"].startswith("<PHONE_")


def test_the_output_is_that_of_this_version(scrub: Any) -> None:
    done = scrub(ONE_OF_EACH | {"clean": "夜"}, email="placeholder")
    found = {"maker": TEXT.id, "texts": done.texts, "facts": dict(done.outcome.facts)}
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8")), (
        "scrub puts out something else than before: raise the version of its maker (all shards are then scrubbed "
        "again), and put the new value into golden.json"
    )
