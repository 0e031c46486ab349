"""What the pages name is there: commands and their options, settings, targets of make, modules, makers."""

import re
from collections.abc import Iterator, Set
from pathlib import Path

import pytest
import typer

from flows.cli import app
from pipeline_lib.ablate.names import NEAR
from pipeline_lib.plan.verdict import CHAMPION_SCORES, FUNNEL
from pipeline_lib.settings.tree import OF_NO_SECTION
from pipeline_lib.stages import BY_WORD, STAGES, AllSettings
from tests.bench.figures import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "deployments" / "README.md"]
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
CALL = re.compile(r"\bnightshift ([a-z]+)((?: +[^`|;#&)\s]+)*)")
OPTION = re.compile(r"(?<!\S)--?[a-z][\w.-]*")
FOLDERS = (
    "",
    "pipeline_lib",
    "deployments",
    "pipeline_lib/ingest",
    "pipeline_lib/ingest/crawl",
    "pipeline_lib/register",
)
EXAMPLES = {"pipeline_lib/clean/steps/ligatures.py"}


def code(page: Path) -> list[str]:
    """What stands on a page as code: spans, and lines of blocks."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    lines += [line for line in text.splitlines() if line.startswith("    ")]
    return [*SPAN.findall(BLOCK.sub("", text)), *(line.strip() for line in lines)]


def options() -> dict[str, Set[str]]:
    """The options of each command by its name."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {
        name: {"--help", *(word for one in command.params for word in (*one.opts, *one.secondary_opts))}
        for name, command in commands.items()
    }


def settings_in(model: type, prefix: str = "") -> Iterator[str]:
    """The dotted names of all sections and settings."""
    for name, field in model.model_fields.items():  # type: ignore[attr-defined]
        yield f"{prefix}{name}"
        if hasattr(field.annotation, "model_fields"):
            yield from settings_in(field.annotation, f"{prefix}{name}.")


OPTIONS, SETTINGS = options(), set(settings_in(AllSettings))
MAKERS = {maker.name for maker in (FUNNEL, CHAMPION_SCORES, *(one for stage in STAGES for one in stage.makers))}
SECTIONS = {name.partition(".")[0] for name in SETTINGS} - set(OF_NO_SECTION)
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def wrong_options(words: str) -> Iterator[str]:
    """What a call of ours names that its command does not have, or no setting is."""
    for name, rest in CALL.findall(words):
        if name not in OPTIONS:
            yield name
            continue
        for option in OPTION.findall(rest):
            setting = option.removeprefix("--")
            if option not in OPTIONS[name] and setting not in SETTINGS:
                yield f"{name} {option}"


def is_there(path: str) -> bool:
    return path in EXAMPLES or any((ROOT / folder / path).exists() for folder in FOLDERS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    spans = SPAN.findall(BLOCK.sub("", page.read_text(encoding="utf-8")))
    assert [wrong for words in code(page) for wrong in wrong_options(words)] == []
    assert {name for words in code(page) for name in re.findall(r"\bmake ([a-z]+)", words)} <= TARGETS
    dotted = re.compile(rf"(?:--)?((?:{'|'.join(sorted(SECTIONS))})\.[a-z_.]+)(?: .*)?")
    named = {found[1] for span in spans if (found := dotted.fullmatch(span)) and not found[1].endswith(".py")}
    assert named <= SETTINGS | MAKERS | {NEAR}
    places = [span for span in spans if re.fullmatch(r"[a-z_]+(?:/[\w.-]+)*/\w+/|[\w/]+\.py", span)]
    assert [span for span in places if not is_there(span) and not list(ROOT.glob(f"[!.]*/**/{span}"))] == []


def test_a_name_that_is_not_there_is_found() -> None:
    assert list(wrong_options("nightshift gc --dry-run --train.seed 3")) == []
    assert list(wrong_options("`nightshift gc --dry`, nightshift gk, nightshift run --train.sed 3")) == [
        "gc --dry",
        "gk",
        "run --train.sed",
    ]


def test_the_contract_lists_every_maker_and_no_other() -> None:
    rows = re.findall(
        r"^\| (\w+\.\w+)(?: \(\w+\))? \|", (ROOT / "docs" / "contract.md").read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) == len(set(rows))
    assert set(rows) == MAKERS | {"joined.tokens"}
    assert {name.partition(".")[0] for name in rows} >= set(BY_WORD)
