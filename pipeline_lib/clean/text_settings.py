"""Settings of `[clean]` that decide the text of documents: which steps are on, boilerplate, rewrites.

[clean.steps]
"invisible.v1" = "on"

[[clean.rewrites]]
name = "old_brand.v1"
pattern = '\\bFoo(bar)?\\b'
replace = 'Quux\\1'
comment = "the product was renamed in 2024"
"""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pipeline_lib.base.extras import release_of
from pipeline_lib.base.settings import NONE, StageSettings, neutral, operational
from pipeline_lib.clean.extract_bulk import RESILIPARSE, Extractor
from pipeline_lib.clean.steps import STEPS, nearest_step, steps_by_name, unicode_repair
from pipeline_lib.clean.steps.step import Step

MOST_REFERENCES = 9
Term = Annotated[str, Field(min_length=2, max_length=100, pattern=r"^[^\n]*$")]
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)


class Rewrite(StageSettings):
    """One rule: what RE2 finds in a text, and what stands there instead."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]*(\.v[0-9]+)?$",
        description="what it is counted under; a changed rule is a new version",
    )
    pattern: str = Field(
        min_length=1,
        max_length=2_000,
        description="RE2: no look-around, no references back; (?i) for any case, (?m) for ^ and $ at each line",
    )
    replace: str = Field("", max_length=1_000, description="what stands in its place; \\1 is its first group")
    comment: str = Field("", description="why it is there, for people", json_schema_extra=operational())

    @field_validator("pattern")
    @classmethod
    def _readable(cls, pattern: str) -> str:
        _compiled(pattern)
        return pattern

    @field_validator("replace")
    @classmethod
    def _fitting(cls, replace: str, info: ValidationInfo) -> str:
        escaped = [found for found in _ESCAPED.finditer(replace) if found[1] != "\\"]
        if "pattern" not in info.data or not escaped:
            return replace
        num_groups = _compiled(info.data["pattern"]).groups
        for found in escaped:
            if not found[1].isascii() or not found[1].isdigit():
                raise ValueError(
                    f"a backslash at character {found.start() + 1} stands before no digit; write \\\\ for it"
                )
            if int(found[1]) > num_groups:
                raise ValueError(f"\\{found[1]} at character {found.start() + 1}: the pattern has {num_groups} groups")
        if len(escaped) > MOST_REFERENCES:
            raise ValueError(f"refers to groups {len(escaped)} times; at most {MOST_REFERENCES}")
        return replace


def _compiled(pattern: str) -> Any:
    """The pattern. Raises `ValueError` with the place in it where RE2 stops."""
    import re2  # only where there are rules

    options = re2.Options()
    options.log_errors = False
    try:
        found = re2.compile(pattern, options)
        re2.compile(f"({pattern})", options)  # so does Arrow: what runs over the end (`\\Q`) is refused
        return found
    except re2.error as exc:
        said = exc.args[0].decode("utf-8", "replace") if isinstance(exc.args[0], bytes) else str(exc.args[0])
        at = pattern.find(said.rpartition(": ")[2])
        place = f", at character {at + 1}" if at >= 0 else ""
        raise ValueError(f"RE2 cannot read it: {said}{place}") from exc


def _terms_in(path: Path) -> tuple[str, ...]:
    """The terms of a file, UTF-8, one a line; empty lines count for nothing. Raises `ValueError`."""
    try:
        lines = path.expanduser().read_text(encoding="utf-8-sig").splitlines()
    except OSError as exc:
        raise ValueError(f"{path}: cannot be read: {exc.strerror}. Correct terminology_file") from exc
    except UnicodeDecodeError as exc:
        raise ValueError(f"{path}: is not UTF-8, at byte {exc.start + 1:,}. Save it as UTF-8") from exc
    return tuple(line.strip() for line in lines if line.strip())


def _names_read(steps: Iterable[Step]) -> set[str]:
    return {name for step in steps for name in step.reads}


class TextSettings(StageSettings):
    """What happens to the text of each document."""

    steps: dict[str, bool] = Field(
        default_factory=dict,
        description="steps that are switched on or off by name, otherwise than by default (docs/clean.md)",
        json_schema_extra=neutral({}),
    )
    boilerplate_lines: tuple[Annotated[str, Field(min_length=2, max_length=160, pattern=r"^[^\n]*\S[^\n]*$")], ...] = (
        Field(
            (),
            description="lines of your own that go where they are all of a line: word for word, in any case of letters",
            json_schema_extra=neutral(()),
        )
    )
    max_boilerplate_share: float = Field(
        0.3,
        ge=0,
        le=1,
        description="a document of which such lines are more stays whole",
        json_schema_extra=neutral(0.3, unit="share of characters"),
    )
    rewrites: tuple[Rewrite, ...] = Field(
        (), description="rules of your own, applied in their order", json_schema_extra=neutral(())
    )

    max_html_tags: int = Field(
        40_000,
        ge=1_000,
        description="pages with more are dropped unread, so that no page takes over 5 s; real ones have 20,000",
        json_schema_extra={"unit": "tags"},
    )
    extractor: Extractor = Field(
        "trafilatura",
        description="what takes the main text out of pages; 'resiliparse' (extra 'bulk') is eight times as fast and "
        "finds less: docs/clean.md",
        json_schema_extra=neutral("trafilatura"),
    )
    page_metadata: bool = Field(
        False,
        description="title, author, date and language that pages tell are kept with them, where their source told none",
        json_schema_extra=neutral(False),
    )
    terminology: tuple[Term, ...] = Field(
        (),
        max_length=10_000,
        description="terms of yours, case-sensitive: no step changes them, each is one token, reports count them",
        json_schema_extra=neutral(()),
    )
    terminology_file: Path | None = Field(
        None,
        description="more of them, a line each, in UTF-8; read with the settings",
        json_schema_extra=operational(),
    )

    @model_validator(mode="before")
    @classmethod
    def _with_terms_of_file(cls, given: Any) -> Any:
        if not isinstance(given, Mapping) or given.get("terminology_file") in (None, NONE):
            return given
        return {**given, "terminology": [*given.get("terminology", ()), *_terms_in(Path(given["terminology_file"]))]}

    @field_validator("terminology")
    @classmethod
    def _as_a_set(cls, terms: tuple[str, ...]) -> tuple[str, ...]:
        """In which order they stand, and how often, decides nothing."""
        if not terms:
            return ()
        from pipeline_lib.clean.repair import repair  # loads pyarrow

        for term in terms:
            if term.strip() != term or repair(term) != term:
                raise ValueError(
                    f"{term!r} is never found in a repaired text: it stands there as {repair(term).strip()!r}"
                )
        return tuple(sorted(set(terms)))

    def release_of_extractor(self) -> dict[str, str]:
        """That of an extractor that is an extra, by its name. Raises `SettingsError` where it is not installed."""
        if self.extractor == "trafilatura":
            return {}
        asked = f'clean.extractor = "{self.extractor}"'
        return {RESILIPARSE: release_of(RESILIPARSE, extra="bulk", asked_by=asked, instead='"trafilatura"')}

    def is_step_on(self, step: Step) -> bool:
        """Whether texts go through a step."""
        return self.steps.get(step.name, step.is_on)

    def decisive(self, fields: Collection[str] | None = None) -> dict[str, Any]:
        """What decides the bytes: of what steps read, what those read that are on and have something to do."""
        found = super().decisive(fields)
        if "steps" not in (self.__dict__ if fields is None else fields):  # of a maker that makes no texts
            return found
        at_work = [step for step in STEPS if self.is_step_on(step) and all(getattr(self, n) != () for n in step.reads)]
        unread = _names_read(STEPS) - _names_read(at_work)
        if fields is not None and all(step is unicode_repair.STEP for step in at_work):
            unread = unread | {"terminology"}  # nothing is kept out of them
        return {name: value for name, value in found.items() if name not in unread}

    @field_validator("steps")
    @classmethod
    def _other_than_default(cls, steps: dict[str, bool]) -> dict[str, bool]:
        known = steps_by_name()
        for name in steps:
            if name not in known:
                raise ValueError(f"there is no step {name!r}; {nearest_step(name)}")
        return {name: is_on for name, is_on in sorted(steps.items()) if is_on != known[name].is_on}

    @field_validator("rewrites")
    @classmethod
    def _named_once(cls, rewrites: tuple[Rewrite, ...]) -> tuple[Rewrite, ...]:
        names = [rule.name for rule in rewrites]
        if len(set(names)) < len(names):
            raise ValueError(f"a name stands there twice: {', '.join(sorted(names))}")
        return rewrites
