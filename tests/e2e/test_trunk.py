"""Which trunk a night goes on from, and what it reads: whole nights with trainings, one after the other.

What `plan` says of tonight's training is compared with the training: the model that it names is its parent.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import promote, promotions, registry_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest
from tests.model_nights import FAST, WholeNight, any_night, foreseen, to_do, whole_night
from tests.tiny_night import (
    SOURCE,
    House,
    artifacts,
    copy_house,
    damage,
    english,
    tiny_settings,
    write_corpus,
    write_lines,
)

SLOW = "0.002"  # learning rates: the usual one is 0.004
THIRD = "0.003"
MAD = "0.9"
OF_TEXT = {"ingest", "clean", "dedup", "scrub", "tokenize"}


def settings_of(house: House, **changes: str) -> Settings:
    return tiny_settings(house.workspace, house.corpus, **FAST, **changes)


def note_of(settings: Settings) -> str:
    """What `plan` says of tonight's training."""
    (note,) = [note for note in foreseen(settings).notes if note.startswith(("training", "all text"))]
    return note


def named_by_plan(settings: Settings) -> str | None:
    """The beginning of the name of the model that tonight's training would go on from."""
    begin = note_of(settings).partition(";")[0]
    return None if begin == "training starts from scratch" else begin.removeprefix("training goes on from model ")


def add_documents(house: House) -> None:
    number = len(list(house.corpus.iterdir()))
    write_lines(house.corpus / f"more_{number}.jsonl", {f"m{n}": english(5000 + 10 * number + n) for n in range(6)})


# Several trainings of one snapshot ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rivals_made(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, Mapping[str, str]]:
    """Models of one snapshot by their learning rates."""
    root = tmp_path_factory.mktemp("rivals")
    house = House(root / "workspace", write_corpus(root / "corpus"))
    first = whole_night(settings_of(house)).training
    second = whole_night(settings_of(house, train__learning_rate=SLOW, train__restart="always")).training
    assert first is not None and second is not None
    assert first.inputs["snapshot"] == second.inputs["snapshot"]
    return house, {"usual": first.fingerprint, SLOW: second.fingerprint}


@pytest.fixture
def rivals(rivals_made: tuple[House, Mapping[str, str]], tmp_path: Path) -> tuple[House, Mapping[str, str]]:
    """A copy of them, and new documents to train on."""
    house = copy_house(rivals_made[0], tmp_path / "rivals")
    add_documents(house)
    return house, rivals_made[1]


def crown(house: House, model: str) -> None:
    """Make a model the champion, as `nightshift promote` does."""
    registry = registry_of(settings_of(house).of(RegisterSettings), house.workspace)
    versions = {m.inputs["model"].fingerprint: int(m.facts["version"]) for m in made(house, "register.version")}
    champion = promotions(registry)[-1].version
    if champion != versions[model]:
        promote(registry, versions[model], expected_champion=champion, reason="by hand", now=datetime.now(UTC))


def made(house: House, maker: str) -> list[Manifest]:
    return [manifest for manifest in artifacts(house.workspace).values() if manifest.maker == maker]


def test_a_night_goes_on_from_the_model_of_its_own_recipe(rivals: tuple[House, Mapping[str, str]]) -> None:
    """One of the two has the greater name, one is the champion, one is the older: none of that decides."""
    house, models = rivals
    slow = settings_of(house, train__learning_rate=SLOW)
    for champion in models.values():
        crown(house, champion)
        assert named_by_plan(settings_of(house)) == models["usual"][:8]
        assert named_by_plan(slow) == models[SLOW][:8]
    assert whole_night(slow).parent == models[SLOW]


def test_a_night_of_another_recipe_goes_on_from_the_champion(rivals: tuple[House, Mapping[str, str]]) -> None:
    house, models = rivals
    settings = settings_of(house, train__learning_rate=THIRD)
    for champion in models.values():
        crown(house, champion)
        assert named_by_plan(settings) == champion[:8]
    assert whole_night(settings).parent == models[SLOW]


def test_a_champion_whose_weights_are_damaged_is_trained_again_and_not_replaced_by_another_parent(
    rivals: tuple[House, Mapping[str, str]],
) -> None:
    """Whichever model was judged last: what tonight would go on from is lost (test_lost_training.py has the rest)."""
    house, models = rivals
    crown(house, models["usual"])
    damage(house.workspace / "artifacts" / "train" / models["usual"])
    settings = settings_of(house, train__learning_rate=THIRD)
    assert named_by_plan(settings) == f"training {models['usual'][:8]}, which is lost, is done again as it was"
    crown(house, models[SLOW])
    assert named_by_plan(settings) == models[SLOW][:8]


def test_a_trial_is_never_a_parent(rivals: tuple[House, Mapping[str, str]]) -> None:
    """It has read most, is the newest, and has the recipe of the night."""
    house, models = rivals
    trial = whole_night(settings_of(house, train__role="trial")).training
    assert trial is not None
    assert trial.inputs["trunk"].fingerprint == models["usual"]
    add_documents(house)
    assert named_by_plan(settings_of(house)) == models["usual"][:8]
    night = whole_night(settings_of(house))
    assert night.parent == models["usual"]


def test_a_training_that_diverged_is_never_a_parent(rivals: tuple[House, Mapping[str, str]]) -> None:
    house, models = rivals
    mad = settings_of(house, train__learning_rate=MAD)
    diverged = whole_night(mad).training
    assert diverged is not None
    assert diverged.facts["end_bits_per_byte"] > 1.1 * diverged.facts["start_bits_per_byte"]
    add_documents(house)
    crown(house, models["usual"])
    assert named_by_plan(mad) == models["usual"][:8]


# Another context, another shape -------------------------------------------------------------------------------------

FROM_SCRATCH = "training starts from scratch"


def test_another_context_makes_nothing_anew_and_goes_on_from_the_trunk(
    rivals: tuple[House, Mapping[str, str]], rivals_made: tuple[House, Mapping[str, str]]
) -> None:
    """Tokens are kept by document: how long a row is, is decided when they are read."""
    wide = {"train__context_tokens": "64"}
    before = foreseen(settings_of(rivals_made[0], **wide))
    assert before.is_nothing_new  # all was read, in shorter rows
    house, models = rivals
    crown(house, models["usual"])
    settings = settings_of(house, **wide)
    assert named_by_plan(settings) == models["usual"][:8]
    labels = {line.label for step in foreseen(settings).steps for line in step.work if line.stage in OF_TEXT}
    assert labels == {"0002-docs", "snapshot"}
    assert whole_night(settings).parent == models["usual"]


def test_another_shape_starts_from_scratch_or_is_refused_as_the_settings_say_and_the_plan_says_so_before(
    rivals_made: tuple[House, Mapping[str, str]], tmp_path: Path
) -> None:
    house = copy_house(rivals_made[0], tmp_path / "house")
    shape = {"train__hidden_size": "40", "train__num_layers": "2"}
    for restart in ("tokenizer_or_shape", "always"):
        plan = foreseen(settings_of(house, train__restart=restart, **shape))
        assert note_of(settings_of(house, train__restart=restart, **shape)).startswith(FROM_SCRATCH)
        assert to_do(plan) == {"train", "evaluate", "register"}
    with pytest.raises(SettingsError, match=r"train\.restart is 'never', and no trunk has this tokenizer and shape"):
        foreseen(settings_of(house, train__restart="never", **shape))
    assert note_of(settings_of(house, train__restart="always", train__seed="2")).startswith(FROM_SCRATCH)


# More text than a night reads ---------------------------------------------------------------------------------------

SHORT = {"train__max_steps": "14"}  # 10 of the trunk: 80 rows of 32 tokens, about a third of the corpus


def test_unread_text_is_read_on_by_the_next_nights_oldest_first_until_all_is_read(empty_house: House) -> None:
    settings = settings_of(empty_house, **SHORT)
    first = whole_night(settings)
    assert first.training is not None
    left = int(first.training.facts["unread_tokens"])
    begin = f"training goes on from model {name_of(first)[:8]}"
    assert note_of(settings) == f"{begin}; {left:,} tokens are unread: {about(-(-left // (80 * 32)))}"
    for more in ({"max_steps": "60"}, {"max_steps": "none"}, {"budget_minutes": "5"}, {"num_epochs": "2"}):
        longer = settings_of(empty_house, **SHORT | {f"train__{name}": value for name, value in more.items()})
        assert named_by_plan(longer) == name_of(first)[:8]
        assert not OF_TEXT & to_do(foreseen(longer))

    add_documents(empty_house)
    nights = [first, whole_night(settings)]
    foretold = note_of(settings)
    while len(nights) < 9 and not foreseen(settings).is_nothing_new:
        nights.append(whole_night(settings))
    assert foretold.endswith(f" tokens are unread: {about(len(nights) - 2)}")
    assert [night.parent for night in nights[1:]] == [name_of(night) for night in nights[:-1]]
    old = first.cursor.portions[0].shards
    assert read_one_after_the_other(nights) == [old[0], *set(nights[-1].cursor.passes) - set(old)]
    assert set(nights[-1].cursor.passes.values()) == {1}
    assert nights[-1].cursor.portions == ()
    assert note_of(settings) == "all text is read: nothing is trained"


def about(count: int) -> str:
    return f"about {count} night{'' if count == 1 else 's'}"


def name_of(night: WholeNight) -> str:
    assert night.training is not None
    return night.training.fingerprint


def read_one_after_the_other(nights: Sequence[WholeNight]) -> list[str]:
    """The portions that these nights have read, by their first shards: each to its end before the next one begins."""
    read = [part for night in nights if night.training for part in night.training.facts["read"]["portions"]]
    portions = list(dict.fromkeys(part["first_shard"] for part in read))
    for portion in portions:
        own = [part for part in read if part["first_shard"] == portion]
        assert [part["num_read_before"] for part in own] == [
            sum(o["num_read"] for o in own[:n]) for n in range(len(own))
        ]
        assert sum(part["num_read"] for part in own) == own[0]["num_samples"]
    assert [part["first_shard"] for part in read] == sorted((p["first_shard"] for p in read), key=portions.index)
    return portions


# Caps ---------------------------------------------------------------------------------------------------------------


def capped(house: House, cap: str, most_tokens: int | None) -> Settings:
    """The settings with a cap for the only source."""
    source = {"kind": "files", "name": SOURCE, "path": str(house.corpus), "metadata_fields": {"url": "url"}}
    return settings_of(house, ingest__sources=json.dumps([{**source, cap: most_tokens}]))


def write_hosts(corpus: Path) -> None:
    """Say of each record that it is from one of two hosts; a file that is one document is from none."""
    for path in corpus.glob("*.jsonl"):
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        told = [{**one, "url": f"https://{'ab'[number % 2]}.example/{number}"} for number, one in enumerate(records)]
        path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in told), encoding="utf-8")


@pytest.mark.parametrize(("cap", "caps"), [("most_tokens", (2000, 5000)), ("most_tokens_per_host", (800, 2000))])
def test_what_a_cap_lets_in_after_its_shards_were_read_is_read_then_and_nothing_twice(
    empty_house: House, cap: str, caps: tuple[int, ...]
) -> None:
    """As a portion of its own: what was read is known by shard, and of each shard what it had kept out."""
    write_hosts(empty_house.corpus)
    read = []
    for most in (*caps, None):
        settings = capped(empty_house, cap, most)
        night = any_night(settings)
        assert night.training is not None
        assert night.training.facts["unread_tokens"] == 0
        read.append(night.training.facts["read"]["num_documents"])
        assert [note for note in foreseen(settings).notes if "most_tokens_per_host" not in note] == [
            "all text is read: nothing is trained"
        ]
        assert whole_night(settings).training is None
    assert min(read) > 0
    assert sum(read) == 42
    assert night.cursor.missed == {}


# A setting that changes no token -------------------------------------------------------------------------------------

CHANGES_NO_TOKEN = {
    "another order of hashes": {"dedup__seed": "7"},
    "a limit that nothing reaches": {"clean__max_html_tags": "39000"},
    "a language that nobody wrote in": {"clean__languages": '["en", "fr", "zh"]'},
    "another label": {"clean__entity_rules": '[{"label": "LAW", "terms": ["Act"]}]'},
    "another region": {"scrub__phone_regions": '["CN", "GB", "US"]'},
}


@pytest.fixture(scope="module")
def partly_read(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A night that has read a third of its text."""
    root = tmp_path_factory.mktemp("partly")
    house = House(root / "workspace", write_corpus(root / "corpus"))
    whole_night(settings_of(house, **SHORT))
    return house


@pytest.mark.parametrize("changes", CHANGES_NO_TOKEN.values(), ids=CHANGES_NO_TOKEN)
def test_text_that_is_made_again_with_the_same_tokens_was_read(judged_house: House, changes: Mapping[str, str]) -> None:
    """Its shards have other names: the trunk would read all of it once more."""
    settings = settings_of(judged_house, **changes)
    assert not foreseen(settings).is_nothing_new
    night = any_night(settings)
    assert {name.partition("/")[0] for name in night.made} & {"scrub", "tokenize"}
    assert night.training is None
    assert note_of(settings) == "all text is read: nothing is trained"
    assert whole_night(settings).made == frozenset()


@pytest.mark.parametrize("changes", [CHANGES_NO_TOKEN["another region"]])
def test_a_portion_that_is_begun_goes_on_in_text_that_is_made_again(
    partly_read: House, changes: Mapping[str, str], tmp_path: Path
) -> None:
    left = note_of(settings_of(partly_read, **SHORT))
    assert left.endswith("are unread: about 3 nights")
    house = copy_house(partly_read, tmp_path / "house")
    settings = settings_of(house, **SHORT, **changes)
    night = any_night(settings)
    assert night.training is not None
    assert left.startswith(f"training goes on from model {(night.parent or '')[:8]};")
    (part,) = night.training.facts["read"]["portions"]
    assert part["num_read_before"] == 80
    assert note_of(settings).endswith("are unread: about 2 nights")
