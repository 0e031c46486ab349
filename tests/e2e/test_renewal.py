"""A frozen benchmark that has nothing of a new language gives way to another generation; one model is judged on both.

Each night here is the data half of the real plan, in this process; what the plan says is what is made.
"""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline_lib.model.records import BEFORE, FRESH, FROZEN
from pipeline_lib.plan.basis import BASIS, Basis
from pipeline_lib.plan.benchmarks import plan_benchmarks
from pipeline_lib.plan.covered import LEAST_SHARE
from pipeline_lib.plan.night import plan_night
from pipeline_lib.plan.sides import Pin, read_pin
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.schemas import DOCUMENTS_FILE
from pipeline_lib.store.workspace import Workspace
from tests.data_nights import Night, night
from tests.tiny_night import SOURCE, House, chinese, copy_house, english, tiny_settings, write_lines

FULL = 12  # evaluate.max_documents


@pytest.fixture(scope="module")
def english_then_chinese(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Two nights: a benchmark is full of English, then Chinese comes. Ask for `house`."""
    root = tmp_path_factory.mktemp("renewal")
    house = House(root / "workspace", root / "corpus")
    house.corpus.mkdir()
    for number in range(70):
        (house.corpus / f"note_{number}.txt").write_text(english(number), encoding="utf-8")
    night(house)
    for number in range(60):
        (house.corpus / f"page_{number}.txt").write_text(chinese(number), encoding="utf-8")
    night(house)
    return house


@pytest.fixture
def house(english_then_chinese: House, tmp_path: Path) -> House:
    return copy_house(english_then_chinese, tmp_path / "house")


def pin_of(house: House) -> Pin:
    return read_pin(Workspace(house.workspace))


def held(house: House, benchmark: Ref | None) -> set[str]:
    """The documents of a benchmark, by url."""
    assert benchmark is not None
    path = Workspace(house.workspace).store.path(benchmark.stage, benchmark.fingerprint) / DOCUMENTS_FILE
    return set(pq.read_table(path, columns=["url"])["url"].to_pylist())


def another_night(house: House) -> Night:
    """One that brings one more English document."""
    number = 600 + len(list(house.corpus.iterdir()))
    (house.corpus / f"note_{number}.txt").write_text(english(number), encoding="utf-8")
    return night(house)


def test_a_full_benchmark_stays_in_the_night_that_brings_another_language(house: House) -> None:
    pin = pin_of(house)
    assert (pin.generation, pin.before) == (1, None)
    assert len(held(house, pin.frozen)) == FULL
    assert not any(url.startswith("page") for url in held(house, pin.frozen))


def test_the_next_night_draws_a_generation_that_has_it_and_keeps_the_one_before_beside_it(house: House) -> None:
    old = pin_of(house).frozen
    done = another_night(house)
    assert {name for _, label, name in done.made if label == "benchmarks"} == {"frozen benchmark", "fresh benchmark"}
    pin = pin_of(house)
    assert (pin.generation, pin.before) == (2, old)
    assert pin.renewed_for == ("language zh",)
    urls = held(house, pin.frozen)
    assert len(urls) == FULL
    assert {url.partition("_")[0] for url in urls} == {"note", "page"}
    refs = plan_benchmarks(done.settings, done.workspace, done.plan).refs
    assert {FROZEN: refs[FROZEN], BEFORE: refs[BEFORE]} == {FROZEN: pin.frozen, BEFORE: old}


def test_the_plan_says_it_before_and_it_happens_once_and_never_for_nothing_new(house: House) -> None:
    assert night(house).made == {}
    (house.corpus / "more.txt").write_text(english(500), encoding="utf-8")
    (told,) = plan_night(tiny_settings(house.workspace, house.corpus), Workspace(house.workspace)).notes[-2:-1]
    assert told == "benchmark frozen-2 is drawn for language zh; the next model is judged on frozen-1, too"
    after = night(house)
    assert pin_of(house).generation == 2
    again = another_night(house)
    assert not any("is drawn" in note for note in plan_night(again.settings, again.workspace).notes)
    assert pin_of(house).generation == 2
    assert pin_of(house).frozen == plan_benchmarks(after.settings, after.workspace, after.plan).refs[FROZEN]


def test_the_generation_before_goes_once_a_model_is_judged_on_both(house: House) -> None:
    done = another_night(house)
    pin = pin_of(house)
    assert pin.before is not None and pin.frozen is not None
    on_the_new = Basis(Ref("train", "m"), {FROZEN: pin.frozen}, Ref("tokenize", "s"))
    done.workspace.save_pin(BASIS, on_the_new)
    another_night(house)
    assert pin_of(house).before == pin.before
    on_both = Basis(Ref("train", "m"), {FROZEN: pin.frozen, BEFORE: pin.before}, Ref("tokenize", "s"))
    done.workspace.save_pin(BASIS, on_both)
    another_night(house)
    assert pin_of(house).before is None


def test_a_document_that_is_withdrawn_leaves_both_generations(house: House) -> None:
    another_night(house)
    pin = pin_of(house)
    both = held(house, pin.frozen) & held(house, pin.before)
    assert both
    gone = min(both)
    (house.corpus / gone).unlink()
    night(house)
    renewed = pin_of(house)
    assert renewed.generation == 2
    assert gone not in held(house, renewed.frozen) | held(house, renewed.before)


def test_a_language_that_is_a_small_part_of_the_text_renews_nothing(tmp_path: Path) -> None:
    house = House(tmp_path / "workspace", tmp_path / "corpus")
    house.corpus.mkdir()
    for number in range(70):
        (house.corpus / f"note_{number}.txt").write_text(english(number), encoding="utf-8")
    night(house)
    (house.corpus / "page.txt").write_text(chinese(1), encoding="utf-8")
    assert len(chinese(1).encode()) < LEAST_SHARE * sum(len(english(number)) for number in range(70))
    night(house)
    another_night(house)
    assert pin_of(house).generation == 1


def test_a_language_that_came_in_the_night_that_filled_the_benchmark_is_not_overlooked(tmp_path: Path) -> None:
    """Of which it got one document, for it had one place left."""
    house = House(tmp_path / "workspace", tmp_path / "corpus")
    house.corpus.mkdir()
    for number in range(70):
        (house.corpus / f"note_{number}.txt").write_text(english(number), encoding="utf-8")
    held_out = len(held(house, night(house, evaluate__max_documents="400").workspace and pin_of(house).frozen))
    places = {"evaluate__max_documents": str(held_out + 1)}
    for number in range(60):
        (house.corpus / f"page_{number}.txt").write_text(chinese(number), encoding="utf-8")
    night(house, **places)
    full = held(house, pin_of(house).frozen)
    assert len(full) == held_out + 1
    assert sum(url.startswith("page") for url in full) == 1
    (house.corpus / "more.txt").write_text(english(500), encoding="utf-8")
    night(house, **places)
    assert pin_of(house).generation == 2


def test_a_source_that_is_taken_out_of_the_settings_is_drawn_into_no_benchmark_any_more(tmp_path: Path) -> None:
    house = House(tmp_path / "workspace", tmp_path / "corpus")
    for name, text in (("english", english), ("chinese", chinese)):
        write_lines(house.corpus / name / "all.jsonl", {f"{name}-{number}": text(number) for number in range(60)})
    files = {name: {"kind": "files", "name": name, "path": str(house.corpus / name)} for name in ("english", "chinese")}
    roomy = {"evaluate__max_documents": "400"}

    def sources(*names: str) -> dict[str, dict[str, int]]:
        """Of the frozen and of the fresh benchmark, behind a night that asks these sources."""
        done = night(house, ingest__sources=json.dumps([files[name] for name in names]), **roomy)
        pin, store = pin_of(house), done.workspace.store
        refs = plan_benchmarks(done.settings, done.workspace, done.plan).refs
        assert refs[FROZEN] == pin.frozen
        return {name: dict(store.read(ref.stage, ref.fingerprint).facts["sources"]) for name, ref in refs.items()}

    assert sources("english", "chinese").keys() == {FROZEN}
    for name, text in (("english", english), ("chinese", chinese)):
        write_lines(house.corpus / name / "more.jsonl", {f"more-{number}": text(900 + number) for number in range(30)})
    both = sources("english", "chinese")
    assert both[FROZEN].keys() == both[FRESH].keys() == {"english", "chinese"}
    left = sources("english")
    assert (left[FROZEN], left[FRESH].keys()) == (both[FROZEN], {"english"})  # a generation that is there stays
    store, frozen = Workspace(house.workspace).store, pin_of(house).frozen
    assert frozen is not None
    shutil.rmtree(store.path(frozen.stage, frozen.fingerprint))
    assert sources("english")[FROZEN] == {"english": both[FROZEN]["english"]}


def test_a_language_that_left_with_its_source_is_no_reason_to_draw_again(tmp_path: Path) -> None:
    """The sums of languages hold it for ever, and no draw finds any of it."""
    house = House(tmp_path / "workspace", tmp_path / "corpus")
    other = tmp_path / "other"
    for folder in (house.corpus, other):
        folder.mkdir()
    for number in range(70):
        (house.corpus / f"note_{number}.txt").write_text(english(number), encoding="utf-8")
    night(house)
    for number in range(60):
        (other / f"page_{number}.txt").write_text(chinese(number), encoding="utf-8")
    places = {SOURCE: house.corpus, "zh": other}
    both = [{"kind": "files", "name": name, "path": str(path)} for name, path in places.items()]
    night(house, ingest__sources=json.dumps(both))
    another_night(house)
    assert (pin_of(house).generation, pin_of(house).renewed_for) == (1, ())
