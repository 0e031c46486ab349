"""Caps and weights: which documents a snapshot leaves out, and that nothing but the documents decides it."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.base.errors import DamagedArtifact
from tests.token_batches import Batches, Taken


@pytest.fixture
def batches(tmp_path: Path) -> Batches:
    return Batches(tmp_path)


# Weights and caps ---------------------------------------------------------------------------------------------------

MANY = {f"{name:04x}": 1 + name % 7 for name in range(60)}
LONGEST = 7


def tokens_of(taken: Taken, batch: str) -> int:
    return sum(tokens for name, (_, tokens) in taken.shards.items() if name.startswith(f"{batch}-"))


def test_a_cap_is_met_to_within_one_document(batches: Batches) -> None:
    batches.add(MANY)
    total = sum(MANY.values())
    for most in (1, 50, 51, total - 1):
        taken = batches.snapshot({"source": "docs", "most_tokens": most})
        assert most <= tokens_of(taken, "1") < most + LONGEST
        assert taken.manifest.facts["num_tokens"] == tokens_of(taken, "1")
    for most in (total, total + 1):
        assert batches.snapshot({"source": "docs", "most_tokens": most}).excluded == {}


def test_a_cap_that_is_reached_exactly_takes_no_document_more(batches: Batches) -> None:
    batches.add(dict.fromkeys("abcd", 5))
    taken = batches.snapshot({"source": "docs", "most_tokens": 10})
    assert (tokens_of(taken, "1"), taken.excluded) == (10, {"1-0": ("c", "d")})


def test_what_is_held_out_does_not_count_against_a_cap(batches: Batches) -> None:
    batches.add(MANY, held_out=[name for name in MANY if int(name, 16) % 2])
    taken = batches.snapshot({"source": "docs", "most_tokens": 50})
    assert 50 <= tokens_of(taken, "1") < 50 + LONGEST
    assert not {int(name, 16) % 2 for names in taken.excluded.values() for name in names} & {1}


def test_what_was_withdrawn_does_not_count_against_a_cap_and_is_left_out_once(batches: Batches) -> None:
    batches.add(MANY)
    batches.add(gone=[(name, "1", 0) for name in list(MANY)[:30]])
    taken = batches.snapshot({"source": "docs", "most_tokens": 50})
    assert 50 <= tokens_of(taken, "1") < 50 + LONGEST
    left_out = taken.excluded["1-0"]
    assert len(left_out) == len(set(left_out)) and set(list(MANY)[:30]) < set(left_out)


def test_a_larger_cap_takes_what_the_smaller_one_took_and_more(batches: Batches) -> None:
    """What is taken goes by the ids, which are hashes: no document comes and goes with the cap."""
    batches.add(MANY)
    small, large = (set(batches.snapshot({"source": "docs", "most_tokens": m}).excluded["1-0"]) for m in (50, 90))
    assert large < small


def test_weights_are_met_to_within_one_document_by_the_scarcest_source(batches: Batches) -> None:
    batches.add(MANY)
    batches.add({f"m{name}": tokens for name, tokens in list(MANY.items())[:30]}, source="mail")
    batches.add({"w": 2}, source="web")
    scarce = sum(list(MANY.values())[:30])
    taken = batches.snapshot({"source": "docs", "weight": 1.0}, {"source": "mail", "weight": 2.0}, {"source": "web"})
    assert tokens_of(taken, "2") == scarce
    assert scarce / 2 <= tokens_of(taken, "1") < scarce / 2 + LONGEST
    assert tokens_of(taken, "3") == 2  # without a weight: all that is there


def test_a_cap_bounds_the_mix_too(batches: Batches) -> None:
    batches.add(MANY)
    batches.add({f"m{name}": tokens for name, tokens in MANY.items()}, source="mail")
    taken = batches.snapshot({"source": "docs", "weight": 1.0, "most_tokens": 40}, {"source": "mail", "weight": 3.0})
    assert 40 <= tokens_of(taken, "1") < 40 + LONGEST
    assert 120 <= tokens_of(taken, "2") < 120 + LONGEST


def test_a_source_with_a_weight_and_no_text_yet_does_not_take_the_others_with_it(batches: Batches) -> None:
    batches.add(MANY)
    taken = batches.snapshot({"source": "docs", "weight": 1.0}, {"source": "mail", "weight": 2.0})
    assert taken.excluded == {}


# Caps per host ------------------------------------------------------------------------------------------------------


def of_hosts(*hosts: str) -> dict[str, dict[str, Any]]:
    """What is told of MANY: each document is from one of these hosts, in turn."""
    return {name: {"url": f"https://{host}/{name}"} for name, host in zip(MANY, itertools.cycle(hosts), strict=False)}


def tokens_by_host(taken: Taken, told: Mapping[str, Mapping[str, Any]]) -> Counter[str]:
    """The tokens that are left, by the host that the url names, as it stands there."""
    out = {name for names in taken.excluded.values() for name in names}
    counts = Counter[str]()
    for name, tokens in MANY.items():
        counts[told[name]["url"].split("/")[2]] += tokens if name not in out else 0
    return counts


def said(taken: Taken, source: str = "docs") -> dict[str, int]:
    return dict(taken.manifest.facts["over_hosts"][source])


def test_each_host_has_its_cap_to_within_one_document(batches: Batches) -> None:
    told = of_hosts("a.example", "b.example", "a.example")
    batches.add(MANY, told=told)
    whole = tokens_by_host(batches.snapshot(), told)
    for most in (1, 60, whole["b.example"]):
        counts = tokens_by_host(taken := batches.snapshot({"source": "docs", "most_tokens_per_host": most}), told)
        assert all(min(most, whole[host]) <= tokens < most + LONGEST for host, tokens in counts.items())
        assert taken.manifest.facts["num_tokens"] == counts.total()
    assert counts["b.example"] == whole["b.example"]
    assert said(taken) == {
        "num_hosts": 2,
        "num_hosts_over": 1,
        "num_documents": len(taken.excluded["1-0"]),
        "num_tokens": (whole - counts).total(),
    }
    assert taken.described["over_hosts"] == taken.manifest.facts["over_hosts"]


def test_a_host_that_reaches_its_cap_exactly_gives_no_document_more(batches: Batches) -> None:
    urls = {name: {"url": f"http://h.example/{name}"} for name in "abcd"}
    batches.add(dict.fromkeys("abcd", 5), told=urls)
    taken = batches.snapshot({"source": "docs", "most_tokens_per_host": 10})
    assert (taken.excluded, said(taken)["num_tokens"]) == ({"1-0": ("c", "d")}, 10)


@pytest.mark.parametrize(
    "told",
    [
        {"url": "https://h.example/x"},
        {"url": "HTTP://WWW.H.Example:8080/x#y"},
        {"url": "crawl.warc.gz#https://h.example./y"},
        {"url": "rows.jsonl#17", "metadata": [("url", "https://user:pass@h.example/")]},
    ],
)
def test_one_host_is_one_however_it_is_written_and_wherever_it_stands(
    batches: Batches, told: Mapping[str, Any]
) -> None:
    batches.add({"a": 5, "b": 5}, told={"a": {"url": "https://www.h.example/a"}, "b": told})
    taken = batches.snapshot({"source": "docs", "most_tokens_per_host": 5})
    assert (taken.excluded, said(taken)["num_hosts"]) == ({"1-0": ("b",)}, 1)


def test_documents_from_no_host_have_no_cap_and_that_is_said(batches: Batches) -> None:
    urls = ["notes/a.txt", "s3://bucket/key", "ftp://h.example/x", "https://", "mail.mbox#<7@h.example>"]
    told = {name: {"url": url} for name, url in zip("abcde", urls, strict=True)}
    batches.add(dict.fromkeys("abcde", 5), told=told)
    taken = batches.snapshot({"source": "docs", "most_tokens_per_host": 1})
    assert taken.excluded == {}
    assert said(taken) == dict.fromkeys(("num_hosts", "num_hosts_over", "num_documents", "num_tokens"), 0)


def test_a_cap_of_hosts_is_that_of_its_source_alone(batches: Batches) -> None:
    """Another source with text of the same host gives all of it, and is not looked at: it has no texts here."""
    batches.add({"a": 5, "b": 5}, told={name: {"url": "https://h.example/"} for name in "ab"})
    batches.add({"c": 5, "d": 5}, source="mail")
    taken = batches.snapshot({"source": "docs", "most_tokens_per_host": 5}, {"source": "mail"})
    assert (taken.excluded, list(taken.manifest.facts["over_hosts"])) == ({"1-0": ("b",)}, ["docs"])


def test_what_is_held_out_or_withdrawn_does_not_count_against_the_cap_of_its_host(batches: Batches) -> None:
    names = "abcdef"
    batches.add(dict.fromkeys(names, 5), held_out=["a"], told={n: {"url": "https://h.example/"} for n in names})
    batches.add(gone=[("b", "1", 0)])
    taken = batches.snapshot({"source": "docs", "most_tokens_per_host": 10})
    assert taken.excluded == {"1-0": ("b", "e", "f")}
    assert said(taken)["num_documents"] == 2


def test_caps_of_hosts_come_before_that_of_the_source_and_before_the_mix(batches: Batches) -> None:
    told = of_hosts("a.example", "b.example", "c.example", "d.example")
    batches.add(MANY, told=told)
    batches.add({f"m{name}": tokens for name, tokens in MANY.items()}, source="mail")
    hosts = {"source": "docs", "most_tokens_per_host": 20}
    alone = batches.snapshot(hosts, {"source": "mail"})
    with_cap = batches.snapshot({**hosts, "most_tokens": 50}, {"source": "mail"})
    assert 4 * 20 <= tokens_of(alone, "1") < 4 * (20 + LONGEST)
    assert 50 <= tokens_of(with_cap, "1") < 50 + LONGEST
    assert set(alone.excluded["1-0"]) < set(with_cap.excluded["1-0"])
    mix = batches.snapshot({**hosts, "weight": 1.0}, {"source": "mail", "weight": 1.0})
    assert abs(tokens_of(mix, "1") - tokens_of(mix, "2")) < LONGEST
    assert tokens_of(mix, "1") == tokens_of(alone, "1")


def test_the_list_says_what_is_over_the_cap_of_its_host_and_is_as_it_was_without_one(batches: Batches) -> None:
    batches.add(MANY, told=of_hosts("a.example", "b.example"))
    batches.add(gone=[("0000", "1", 0)])
    both = {"source": "docs", "most_tokens_per_host": 40, "most_tokens": 60}
    rows = pq.read_table(batches.snapshot(both).folder / "excluded.parquet").to_pylist()
    reasons = Counter(row["reason"] for row in rows)
    assert reasons["over_cap_of_host"] == said(batches.snapshot(both))["num_documents"] > 0
    assert reasons[None] > 1  # withdrawn, and over the cap of the source
    plain = pq.read_table(batches.snapshot({"source": "docs", "most_tokens": 60}).folder / "excluded.parquet")
    assert plain.column_names == ["shard", "document_id", "num_tokens"]


def test_a_larger_cap_of_hosts_takes_what_the_smaller_one_took_and_more(batches: Batches) -> None:
    batches.add(MANY, told=of_hosts("a.example", "b.example", "c.example"))
    asked = ({"source": "docs", "most_tokens_per_host": most} for most in (20, 40))
    small, large = (set(batches.snapshot(one).excluded["1-0"]) for one in asked)
    assert large < small


def test_texts_that_are_gone_are_named_so_that_they_are_made_again(batches: Batches) -> None:
    batches.add(MANY)
    with pytest.raises(DamagedArtifact) as raised:
        batches.snapshot({"source": "docs", "most_tokens_per_host": 20})
    assert (raised.value.stage, raised.value.fingerprint) == ("scrub", "1-0")


def plain_twin(sizes: Mapping[str, int], host_of: Mapping[str, str | None], most: int) -> set[str]:
    """What is left out, by one walk over the ids in their order."""
    taken, out = defaultdict[str, int](int), set[str]()
    for name in sorted(sizes):
        host = host_of[name]
        if host is None:
            continue
        if taken[host] >= most:
            out.add(name)
        taken[host] += sizes[name]
    return out


@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_in_whatever_order_shards_and_batches_come_the_same_documents_are_taken(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    names = data.draw(st.lists(st.text("0123456789abcdef", min_size=1, max_size=4), unique=True, min_size=1))
    sizes = {name: data.draw(st.integers(1, 6)) for name in names}
    host_of = {name: data.draw(st.sampled_from(["a.example", "b.example", "c.example", None])) for name in names}
    told = {name: {"url": f"https://{host}/{name}" if host else name} for name, host in host_of.items()}
    most = data.draw(st.integers(1, 20))
    found = []
    for number in range(2):
        batches, left = Batches(tmp_path_factory.mktemp(f"order-{number}")), data.draw(st.permutations(names))
        while left:
            cuts = [data.draw(st.integers(1, len(left))) for _ in range(2)]
            shards, left = (left[: cuts[0]], left[cuts[0] : sum(cuts)]), left[sum(cuts) :]
            batches.add(*({name: sizes[name] for name in shard} for shard in shards), told=told)
        taken = batches.snapshot({"source": "docs", "most_tokens_per_host": most})
        found.append({name for out in taken.excluded.values() for name in out})
    assert found[0] == found[1] == plain_twin(sizes, host_of, most)
