"""A dataset of the hub as a source: files by their digests, each fetched once, with what the card tells."""

import json
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.base.errors import GuardStop, SettingsError, UpstreamError
from pipeline_lib.ingest.hub.card import told_by
from pipeline_lib.ingest.sources.hub import HubSource
from tests.hub_site import Dataset, HubSite


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubSite]:
    """A hub that this process speaks to."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # read once, when it was imported
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with HubSite() as site:
        monkeypatch.setenv("HF_ENDPOINT", site.url)
        yield site


@pytest.fixture
def dataset(hub: HubSite) -> Dataset:
    hub.datasets["owner/name"] = Dataset(card={"license": "cc-by-4.0", "language": ["en", "zh"]})
    return hub.datasets["owner/name"]


@pytest.fixture
def data(house: Any) -> Any:
    """A workspace whose source is that dataset."""
    house.other = HubSource(name="docs", repository="owner/name")
    return house


def night(house: Any) -> Any:
    house.land()
    return house.night()


def lines(*texts: str) -> str:
    return "".join(json.dumps({"id": str(number), "text": text}) + "\n" for number, text in enumerate(texts))


def test_rows_of_the_data_files_come_with_what_the_card_tells(data: Any, dataset: Dataset) -> None:
    dataset.large = frozenset({"data/b.jsonl"})
    dataset.commit({"README.md": "# A", "a.txt": "夜", "data/b.jsonl": lines("one", "two"), "x.bin": b"\0", ".h": "h"})
    plan = night(data)
    assert data.texts(plan) == {"a.txt": "夜", "data/b.jsonl#0": "one", "data/b.jsonl#1": "two"}
    for row in data.rows(plan):
        assert row["licence"] == "cc-by-4.0"
        assert dict(row["metadata"]) == {"languages": "en, zh", "repository": "owner/name"}
    assert {kind: one.num_files for kind, one in plan.passed_over.items()} == {
        "dataset description": 1, ".bin": 1, "hidden": 1,
    }  # fmt: skip


def test_a_commit_fetches_and_reads_what_it_changed_alone(data: Any, dataset: Dataset, hub: HubSite) -> None:
    dataset.commit({"a.jsonl": lines("one", "two"), "b.txt": "same", "c.txt": "leaves"})
    night(data)
    hub.log.clear()
    commit = dataset.commit({"a.jsonl": lines("one", "2"), "b.txt": "same", "README.md": "other"})
    outcome = data.land()
    plan = data.night()
    assert hub.fetched() == ["a.jsonl"]
    assert outcome.facts["revision"] == commit
    assert data.texts(plan) == {"a.jsonl#1": "2"}
    assert (plan.gone, len(list(plan.tombstones))) == (("c.txt",), 2)


def test_a_night_with_nothing_new_fetches_nothing(data: Any, dataset: Dataset, hub: HubSite) -> None:
    dataset.commit({"a.txt": "one"})
    night(data)
    hub.log.clear()
    data.land()
    assert (hub.fetched(), data.scan()) == ([], None)


def test_another_licence_on_the_card_is_told_without_fetching_anything(
    data: Any, dataset: Dataset, hub: HubSite
) -> None:
    dataset.commit({"a.txt": "one"})
    night(data)
    dataset.card = {"license": "other", "license_name": "our-own"}
    hub.log.clear()
    plan = night(data)
    assert hub.fetched() == []
    assert [row["licence"] for row in data.rows(plan)] == ["our-own"]


def test_a_record_that_names_its_own_licence_keeps_it(data: Any, dataset: Dataset) -> None:
    data.other = HubSource(name="docs", repository="owner/name", licence_field="l")
    dataset.commit({"a.jsonl": '{"text": "one", "l": "MIT"}\n{"text": "two"}\n'})
    assert [row["licence"] for row in data.rows(night(data))] == ["MIT", "cc-by-4.0"]


def test_a_commit_or_a_tag_is_followed_nowhere(data: Any, dataset: Dataset) -> None:
    first = dataset.commit({"a.txt": "one"})
    dataset.commit({"a.txt": "two"})
    data.other = HubSource(name="docs", repository="owner/name", revision=first)
    assert data.texts(night(data)) == {"a.txt": "one"}


def test_a_body_that_is_cut_is_fetched_on(data: Any, dataset: Dataset, hub: HubSite) -> None:
    dataset.commit({"a.txt": "x" * 100_000})
    hub.cut_at = 10_000
    assert len(data.texts(night(data))["a.txt"]) == 100_000


def test_what_was_fetched_before_a_fault_is_not_fetched_again(data: Any, dataset: Dataset, hub: HubSite) -> None:
    dataset.commit({f"{number}.txt": f"text {number}" for number in range(6)})
    commit = dataset.branches["main"]
    data.other = HubSource(name="docs", repository="owner/name", max_connections=1)
    hub.faults[f"/datasets/owner/name/resolve/{commit}/4.txt"] = (418, 99)  # none that the client asks again after
    with pytest.raises(UpstreamError, match=r"does not answer .*HF_HUB_OFFLINE=1 goes on"):
        data.land()
    hub.faults.clear()
    before = set(hub.fetched())
    hub.log.clear()
    assert len(data.texts(night(data))) == 6
    assert before.isdisjoint(hub.fetched())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"repository": "owner/other"}, r"is not there, or not for this user.*HF_TOKEN"),
        ({"revision": "nowhere"}, "has no such revision"),
    ],
)
def test_what_cannot_be_asked_for_is_said(house: Any, dataset: Dataset, fields: dict[str, str], message: str) -> None:
    dataset.commit({"a.txt": "one"})
    house.other = HubSource(**{"name": "docs", "repository": "owner/name", **fields})
    with pytest.raises(SettingsError, match=message):
        house.land()


def test_a_token_comes_from_the_environment_and_is_what_the_message_asks_for(
    data: Any, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.commit({"a.txt": "one"})
    dataset.token = "hf_secret"
    with pytest.raises(SettingsError, match="put a token into the environment variable HF_TOKEN") as refused:
        data.land()
    assert "hf_secret" not in str(refused.value)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert data.texts(night(data)) == {"a.txt": "one"}


def test_a_token_may_come_with_the_line_end_of_its_file(
    data: Any, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.commit({"a.txt": "one"})
    dataset.token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret\n")
    assert data.texts(night(data)) == {"a.txt": "one"}


@pytest.mark.parametrize("written", ["hf_secret\nmore", "hf_secrét", "hf_secret more"])
def test_what_is_no_token_is_said_and_shown_nowhere(
    data: Any, dataset: Dataset, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    dataset.commit({"a.txt": "one"})
    monkeypatch.setenv("HF_TOKEN", written)
    with pytest.raises(SettingsError, match=r"the environment variable HF_TOKEN holds .* is no key") as refused:
        data.land()
    assert "hf_sec" not in "".join(traceback.format_exception(refused.value))


def test_a_gated_dataset_names_its_conditions(data: Any, dataset: Dataset) -> None:
    dataset.commit({"a.txt": "one"})
    dataset.token, dataset.is_gated = "hf_secret", True
    with pytest.raises(SettingsError, match="accepted its conditions"):
        data.land()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_that_fails_may_recover(data: Any, dataset: Dataset, hub: HubSite, status: int) -> None:
    dataset.commit({"a.txt": "one"})
    hub.faults["/api/"] = (status, 99)
    with pytest.raises(UpstreamError, match=f"status {status}"):
        data.land()


def test_a_hub_that_is_down_may_recover(data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UpstreamError, match="Look at the network and at HF_ENDPOINT"):
        data.land()


def test_a_dataset_that_lost_most_of_its_files_stops_the_night(data: Any, dataset: Dataset) -> None:
    dataset.commit({f"{number}.txt": f"text {number}" for number in range(4)})
    night(data)
    data.settings = {"max_gone_share": 0.5}
    dataset.commit({"0.txt": "text 0"})
    with pytest.raises(GuardStop, match="3 of the 4 objects of source 'docs' are gone"):
        data.land()


def test_offline_what_is_in_the_cache_is_read_and_nothing_is_withdrawn(
    data: Any, dataset: Dataset, hub: HubSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.commit({"README.md": "---\nlicense: cc-by-4.0\nlanguage: [en, zh]\n---\n", "a.txt": "one", "b.txt": "b"})
    night(data)
    commit = dataset.commit({"a.txt": "two"})
    from huggingface_hub import hf_hub_download

    hf_hub_download(
        "owner/name", "a.txt", repo_type="dataset", endpoint=hub.url, cache_dir=tmp_path / "cache", token=False
    )
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.log.clear()
    outcome = data.land()
    plan = data.night()
    assert (data.texts(plan), plan.gone, hub.log) == ({"a.txt": "two"}, (), [])
    assert [row["licence"] for row in data.rows(plan)] == ["cc-by-4.0"]
    assert outcome.facts["offline"] == "a snapshot" and commit


def test_offline_without_a_cache_says_how_to_fill_it(
    data: Any, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.commit({"a.txt": "one"})
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SettingsError, match="hf download --repo-type dataset owner/name"):
        data.land()


def test_offline_a_landing_alone_stays_as_it_was(data: Any, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset.commit({"a.txt": "one"})
    night(data)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    data.land()
    assert data.scan() is None


def test_a_name_that_climbs_out_is_no_path(data: Any, dataset: Dataset) -> None:
    dataset.commit({"../a.txt": "one", "b.txt": "two"})
    plan = night(data)
    assert list(data.texts(plan)) == ["b.txt"]
    assert "name that is no path" in plan.passed_over or "hidden" in plan.passed_over


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ({}, {}),
        ({"license": "mit"}, {"licence": "mit"}),
        ({"license": ["mit", "cc0-1.0"]}, {"licence": "mit, cc0-1.0"}),
        ({"license": "other", "license_name": "own"}, {"licence": "own"}),
        ({"license": "other"}, {"licence": "other"}),
        ({"language": "zh"}, {"languages": "zh"}),
        ({"language": [False, "en"]}, {"languages": "no, en"}),  # YAML for [no, en]
        ({"license": 3, "language": {"a": "b"}}, {}),
        ({"license": "x" * 300}, {}),
        ({"license": "a\nb"}, {}),
    ],
)
def test_a_card_tells_names_and_nothing_else(card: dict[str, Any], told: dict[str, str]) -> None:
    assert told_by(card, "o/n") == {**told, "repository": "o/n"}
