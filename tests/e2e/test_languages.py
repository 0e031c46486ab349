"""Text in another language than what was there: it is measured by itself, and what no longer fits is told."""

import json
from pathlib import Path

import zstandard

from pipeline_lib.register.stage import GATE_FILE
from tests.model_nights import FAST, WholeNight, foreseen, whole_night
from tests.tiny_night import House, english, tiny_settings, write_lines

LAWS = Path(__file__).parents[1] / "assets" / "laws_zh.jsonl.zst"
NUM_LAWS, NUM_CHARACTERS = 60, 600


def laws() -> dict[str, str]:
    """The beginnings of some Chinese laws."""
    with zstandard.open(LAWS, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(NUM_LAWS), strict=False)]
    return {f"law-{number}": row["text"][:NUM_CHARACTERS] for number, row in enumerate(rows)}


def figures(night: WholeNight) -> dict[tuple[str, str, str], int]:
    """The table that the gate was given: documents by candidate, benchmark and slice."""
    (gate,) = night.makers("register.gate")
    path = night.workspace.store.path("register", gate.fingerprint) / GATE_FILE
    table = json.loads(path.read_text(encoding="utf-8"))["table"]
    return {(r["candidate"], r["benchmark"], r["documents"]): r["num_documents"] for r in table}


def test_chinese_nights_after_english_ones_are_judged_by_themselves_and_what_no_longer_fits_is_told(
    tmp_path: Path,
) -> None:
    house = House(tmp_path / "workspace", tmp_path / "corpus")
    more = {"train__max_steps": "40", "evaluate__max_documents": "12"}
    settings = tiny_settings(house.workspace, house.corpus, **FAST, **more)
    write_lines(house.corpus / "english.jsonl", {f"en-{n}": english(n) for n in range(80)})
    before = whole_night(settings)
    assert figures(before)["challenger", "frozen-1", "language en"] == 12  # it is full
    assert not any("fits" in note for note in before.refresh["notes"])

    write_lines(house.corpus / "laws.jsonl", laws())
    after = whole_night(settings)
    found = figures(after)
    for candidate in ("challenger", "champion"):
        assert found[candidate, "fresh-2", "language zh"] >= 8
        assert found[candidate, "frozen-1", "language en"] == 12
    for notes in (after.refresh["notes"], foreseen(settings).notes):
        (told,) = [note for note in notes if "fits" in note]
        assert told.startswith("tokenizer no longer fits the text: zh at 1.")
        assert "tokenize.generation = 2 learns another one" in told
    anew = tiny_settings(house.workspace, house.corpus, **FAST, **more, tokenize__generation="2")
    assert "training starts from scratch" in foreseen(anew).notes

    write_lines(house.corpus / "more.jsonl", {"more": english(900)})
    renewal = "benchmark frozen-2 is drawn for language zh; the next model is judged on frozen-1, too"
    assert renewal in foreseen(settings).notes
    found = figures(whole_night(settings))
    for candidate in ("challenger", "champion"):
        assert found[candidate, "frozen-1", "language en"] == 12
        assert found[candidate, "frozen-2", "language en"] + found[candidate, "frozen-2", "language zh"] == 12
    write_lines(house.corpus / "last.jsonl", {"last": english(901)})
    assert renewal not in foreseen(settings).notes
    assert not [line for step in foreseen(settings).steps for line in step.work if line.name.endswith("frozen before")]
