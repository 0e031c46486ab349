"""Nights of few and small files: from the first one on there is a champion, or a word on what is missing for one.

Shares held out, benchmarks and gate are the defaults here: only the model is a tiny one.
"""

from pathlib import Path

from pipeline_lib.plan.sides import ENOUGH_DOCUMENTS
from pipeline_lib.register.registry import CHAMPION, version_by_alias
from pipeline_lib.register.settings import GateSettings, RegisterSettings
from pipeline_lib.register.stage import registry_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import resolve
from tests.model_nights import FAST, WholeNight, whole_night
from tests.tiny_night import House, arguments, english

USUAL = ("tokenize.heldout_share", "tokenize.min_training_bytes", "evaluate.max_documents", "train.start_documents")
GATE = GateSettings()


def settings_of(house: House, **changes: str) -> Settings:
    """A tiny model, and the defaults for all that is held out and judged."""
    words = arguments(house.workspace, house.corpus, **FAST, **changes)
    pairs = [(words[at].removeprefix("--"), words[at + 1]) for at in range(0, len(words), 2)]
    kept = [(name, value) for name, value in pairs if name not in USUAL and not name.startswith("register.gate.")]
    return resolve(None, {}, kept).settings


def write_files(house: House, first: int, count: int) -> None:
    """Small files, a document each."""
    house.corpus.mkdir(exist_ok=True)
    for number in range(first, first + count):
        (house.corpus / f"note_{number}.txt").write_text(english(number), encoding="utf-8")


def champion(night: WholeNight) -> int | None:
    """The version that is in service behind a night."""
    registry = registry_of(night.settings.of(RegisterSettings), night.settings.workspace)
    found = version_by_alias(registry, CHAMPION)
    return None if found is None else found.number


def held_out(night: WholeNight) -> int:
    """How many documents models are judged on."""
    return int(night.refresh["num_heldout"])


def test_three_nights_of_150_small_files_each_end_with_a_champion(tmp_path: Path) -> None:
    house = House(tmp_path / "workspace", tmp_path / "corpus")
    nights = []
    for number in range(3):
        write_files(house, 1000 * number, 150)
        nights.append(whole_night(settings_of(house)))
        assert champion(nights[-1]) is not None
    assert held_out(nights[0]) >= GATE.first_min_documents
    assert held_out(nights[1]) >= GATE.min_documents
    assert held_out(nights[2]) >= ENOUGH_DOCUMENTS
    assert "accepted: the first model" in nights[0].verdict
    assert not any("more held-out documents are needed" in night.verdict for night in nights)


def test_nights_of_a_handful_of_files_say_how_many_documents_are_missing_until_there_is_a_champion(
    tmp_path: Path,
) -> None:
    house = House(tmp_path / "workspace", tmp_path / "corpus")
    counts = []
    for number in range(4):
        write_files(house, 100 * number, 12)
        night = whole_night(settings_of(house, train__num_epochs="12"))  # of so little text
        counts.append(held_out(night))
        missing = GATE.first_min_documents - counts[-1]
        if missing <= 0:
            break
        assert champion(night) is None
        assert f"{missing} more held-out documents are needed" in night.verdict
    assert len(counts) > 1
    assert champion(night) is not None
