"""The numbers of a refresh: those of the last page, and what the batches since then come to.

What was counted is kept (records.py), so a night counts its own batches alone, however many there are. All are counted
again where that does not hold: another recipe (rules, settings, key, tokenizer), a batch given up, numbers lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_lib.base.errors import DataError
from pipeline_lib.clean.model_settings import rules_of
from pipeline_lib.clean.rules import RULES, Rule
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.terms import column_of
from pipeline_lib.dedup.settings import DedupSettings
from pipeline_lib.plan.last import RECIPE
from pipeline_lib.report.counts import Counts, as_rows
from pipeline_lib.report.draw import Candidates, merged
from pipeline_lib.report.measure import Found, measure
from pipeline_lib.report.records import Record, key_of, newest_but
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.workspace import Workspace

TOLD = ("sentence", "changes", "notes", "num_heldout", "snapshot")  # of what a night says of itself, what is kept


@dataclass(frozen=True)
class Counted:
    """A refresh in numbers, and the documents that may be shown of it."""

    record: Record
    before: Record | None  # what it is compared with
    candidates: Candidates


def count_night(settings: Settings, workspace: Workspace, told: Mapping[str, Any], *, now: float) -> Counted:
    """The numbers as they stand. Raises `DataError` before the first refresh."""
    key = key_of(workspace)
    if key is None:
        raise DataError(f"{workspace.root}: there is no refresh yet. Start one: nightshift run")
    before, batches, recipe = newest_but(workspace, key), workspace.batches(), _recipe(workspace)
    fingerprints = [batch.fingerprint for batch in batches]
    known = 0 if before is None else len(before.batches)
    goes_on = before is not None and before.recipe == recipe and before.batches == fingerprints[:known]
    is_new = [before is None or batch.fingerprint not in set(before.batches) for batch in batches]
    total, new, drawn = Counts(before.all if goes_on and before else {}), Found(), Candidates()
    at_most = settings.report.samples
    has_scripts = settings.of(DedupSettings).chinese_scripts == "unified"
    for batch, is_tonight in zip(batches, is_new, strict=True):
        if goes_on and not is_tonight:
            continue
        found = measure(workspace, batch, at_most, has_scripts=has_scripts)
        total.update(found.counts)
        drawn = merged(drawn, found.candidates, at_most)
        if is_tonight:
            new.add(found, at_most)
    record = Record(
        key=key,
        created=now,
        profile=settings.profile,
        recipe=recipe,
        batches=fingerprints,
        labels=[batch.name for batch, is_tonight in zip(batches, is_new, strict=True) if is_tonight],
        all_rows=as_rows(total),
        new_rows=as_rows(new.counts),
        limits=limits_of(settings.of(CleanSettings)),
        told={name: told[name] for name in TOLD if name in told} | _num_passed_over(told),
        before="" if before is None else before.name,
    )
    return Counted(record, before, new.candidates or drawn)


def _recipe(workspace: Workspace) -> str:
    return next(iter(workspace.last(RECIPE)), "")


def limits_of(settings: CleanSettings) -> list[list[str | float]]:
    """The rules that are on, in their order: name, signal, bound, limit, and of which languages ("" is all)."""
    rules = [(rule, limit) for rule in RULES if (limit := settings.rules.get(rule.name)) is not None]
    found: list[list[str | float]] = [
        [rule.name, rule.signal, rule.bound, float(getattr(limit, rule.bound)), _asked_of(rule, settings)]
        for rule, limit in (*rules, *rules_of(settings.models))
    ]
    for label, most in settings.entity_limits.items():
        found += [] if most is None else [[f"entity_rules.{label}", column_of(label), "at_most", float(most), ""]]
    return found


def _asked_of(rule: Rule, settings: CleanSettings) -> str:
    """The languages that a rule judges; as datatrove's filters count, all documents are taken for English."""
    if settings.words == "spacy" and rule in RULES:
        return ""
    return ", ".join(rule.only_for or ()) or ", ".join(f"not {name}" for name in rule.not_for)


def limit_said(bound: str, limit: float) -> str:
    """A limit in words: "at most 100,000"."""
    return f"{bound.replace('_', ' ')} {limit:,.10g}"


def _num_passed_over(told: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """How many files of each kind are not read, without their names."""
    counts: dict[str, int] = {}
    for kinds in told.get("passed_over", {}).values():
        for kind, found in kinds.items():
            counts[kind] = counts.get(kind, 0) + found["num_files"]
    return {"passed_over": counts}
