"""What README shows of a night is what a night prints: the same steps, tables and lines, whatever their numbers are."""

import re
from collections.abc import Iterator

from tests.bench.render import DEMO
from tests.e2e.conftest import PRINTED
from tests.tiny_night import House

STEP = re.compile(r"^  ([a-z]+) +(\S+)")
BATCH = re.compile(r"^\d{4}-\S+$")
LINES = ("new", "personal data", "tokens", "training")  # that every night has; notes and languages as they come
TABLES = ("documents ", "bits per byte on ", "unigram model ")
COMMANDS = re.compile(r"^nightshift (\w+)  ")


def shape(printed: str) -> Iterator[str]:
    """Steps, lines, tables and hints in their order, without numbers."""
    for line in printed.splitlines():
        if found := STEP.match(line):
            yield f"{found[1]} {BATCH.sub('BATCH', found[2])}"
        elif found := COMMANDS.match(line):
            yield f"nightshift {found[1]}"
        else:
            yield from (start for start in (*LINES, *TABLES) if re.match(rf"{start}\b", line))


def test_readme_shows_what_a_night_prints(finished_night: House) -> None:
    tonight = list(shape((finished_night.workspace.parent / PRINTED).read_text(encoding="utf-8")))
    assert {"train model", "tokens", "nightshift up"} <= set(tonight)
    assert list(shape(DEMO.read_text(encoding="utf-8"))) == tonight, "write it again: python -m tests.bench.demo"
