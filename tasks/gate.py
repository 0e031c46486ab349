"""Registration, the gate, and the champion's move: the end of a night."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pipeline_lib.base.errors import DamagedVersion, GateRefused
from pipeline_lib.past.made import remember_scores
from pipeline_lib.plan.basis import BASIS, BEGUN, WAITING, Waiting, basis_in
from pipeline_lib.plan.best import keep_best
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.last import entries_of
from pipeline_lib.plan.models import ModelsPlan
from pipeline_lib.plan.verdict import VerdictPlan, against_champion, champion_step, of_the_champion, recorded_champion
from pipeline_lib.register import stage as register
from pipeline_lib.register.registry import Registry, Version
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.run.execute import Graph
from pipeline_lib.run.step import Step
from tasks.mend import mended
from tasks.moves import settle_champion
from tasks.night import Night
from tasks.runtime import APPROVAL
from tasks.steps import do_step

GATE_KEY = "gate-report"
PROMOTED = "nightshift.model.promoted"
WAITS = "waits for a person"


@dataclass(frozen=True)
class Verdict:
    """What became of the challenger."""

    version: int
    is_promoted: bool
    sentence: str  # "version 3 promoted: ..." or "version 3 not promoted: refused: ..."
    champion: Step | None  # the champion until then, measured beside it; None: there was none


def give_verdict(plan: VerdictPlan, data: DataPlan, models: ModelsPlan, night: Night) -> Verdict:
    """Register the challenger, let the gate compare it with the champion, and move the champion if it is better."""
    registry = register.registry_of(night.settings.of(RegisterSettings), night.workspace.root)
    graph = {**data.graph, **models.graph, **plan.graph}
    version = int(do_step(plan.register, night, graph).facts["version"])
    if data.forgotten:
        from tasks.learned import tag_registered  # which loads what forgets

        tag_registered(registry, night.workspace.store, plan.register, version, data.forgotten, night.reporter.say)
    settle_champion(night.settings)
    gate, measured = plan.gate, None
    if gate.missing(night.workspace.store):
        champion = register.in_service(registry)
        if champion is not None and champion.model_fingerprint == models.model.fingerprint:
            gate = of_the_champion(gate)
        elif champion is not None:
            measured = _measured(champion, models, registry, night, graph)
            gate = against_champion(gate, measured)
    is_judged_now = bool(gate.missing(night.workspace.store))
    facts = do_step(gate, night, graph).facts
    if measured is not None and is_judged_now:
        keep_best(night.workspace, registry.name, str(facts["benchmark"]), facts["best_versions"], measured)
    _remember_scores(models, measured, night)
    if measured is None and facts["champion_version"] is not None:  # judged on an earlier night
        measured = recorded_champion(night.settings, night.workspace, models, int(facts["champion_version"]))
    # By the move to it, or by a later one away from it: a line of the ledger may be unreadable.
    moves = register.moves_of(registry)
    is_on_record = not plan.register.whole.lost and any(version in (move.version, move.previous) for move in moves)
    is_promoted, sentence = _move(night, registry, version, facts, models, is_on_record=is_on_record)
    if basis_in(night.workspace) != models.basis:
        night.workspace.save_pin(BASIS, models.basis)
    night.workspace.drop_pin(BEGUN)
    page = _page(gate, night)
    night.runtime.markdown(GATE_KEY, page, f"Version {version} {sentence}")
    if sentence.startswith(WAITS):
        _ask(night, page)
    return Verdict(version, is_promoted, f"version {version} {sentence}", measured)


def _measured(champion: Version, models: ModelsPlan, registry: Registry, night: Night, graph: Graph) -> Step:
    """The champion, measured. Where its files turn out damaged they are put back first, or its model takes its place
    under another number. Raises `DamagedVersion` where neither can be."""
    step = champion_step(night.settings, models, champion)
    try:
        do_step(step, night, graph)
        return step
    except DamagedVersion as exc:
        night.reporter.say(f"{exc} It is registered again now.")
        number = mended(exc, night.settings, night.workspace, lambda again: do_step(again, night, graph).facts)
    if number != champion.number:
        reason = f"the model of version {champion.number}, whose files are damaged"
        register.promote(registry, number, expected_champion=champion.number, reason=reason, now=datetime.now(UTC))
        step = champion_step(night.settings, models, replace(champion, number=number))
    do_step(step, night, graph)
    return step


def _remember_scores(models: ModelsPlan, champion: Step | None, night: Night) -> None:
    """What both models were measured by: `status` shows the scores of the one in service."""
    remember_scores(night.workspace, models.model.fingerprint, entries_of(models.evaluate[0]))
    if champion is not None:
        remember_scores(night.workspace, str(champion.whole.params["champion"]), entries_of(champion))


def _move(
    night: Night,
    registry: Registry,
    version: int,
    facts: Mapping[str, Any],
    models: ModelsPlan,
    *,
    is_on_record: bool,
) -> tuple[bool, str]:
    """Promote a version that passed, unless it was promoted before: a rollback since then stays."""
    reason, is_passed = str(facts["reason"]), bool(facts["is_passed"])
    if not is_passed and not facts["is_held"]:
        return False, f"not promoted: {reason}"
    if is_on_record:
        return True, f"was promoted: {reason}"
    expected = _expected_champion(registry, facts, models)
    if not is_passed or night.settings.of(RegisterSettings).approval == "human":
        return False, _wait(night, Waiting(registry.name, version, expected, reason))
    try:
        register.promote(registry, version, expected_champion=expected, reason=reason, now=datetime.now(UTC))
    except GateRefused as exc:
        return False, f"not promoted: {exc}"
    night.runtime.event(PROMOTED, f"nightshift.model.{registry.name}", {"version": version})
    return True, f"promoted: {reason}"


def _wait(night: Night, asked: Waiting) -> str:
    """Leave a version to a person, who may have answered before; what is said of it."""
    known = night.workspace.pin_or_none(WAITING, Waiting)
    if known is not None and (known.name, known.version, known.is_refused) == (asked.name, asked.version, True):
        return f"not promoted: a person refused it ({asked.reason})"
    if known != asked:
        night.workspace.save_pin(WAITING, asked)
    answers = f"nightshift approve {asked.version}, or nightshift refuse {asked.version}"
    return f"{WAITS}: {asked.reason}; look at its report, then {answers}"


def _expected_champion(registry: Registry, facts: Mapping[str, Any], models: ModelsPlan) -> int | None:
    """Whose place the challenger takes: of whom it was judged against, or of the same model with other variants, which
    has nothing to be compared by."""
    champion = register.in_service(registry)
    if champion is not None and champion.model_fingerprint == models.model.fingerprint:
        return champion.number
    judged_against: int | None = facts["champion_version"]
    return judged_against


def _page(gate: Step, night: Night) -> str:
    ref = gate.whole.ref
    opened = night.workspace.store.open(ref.stage, ref.fingerprint, files=[register.GATE_PAGE_FILE])
    return opened.file(register.GATE_PAGE_FILE).read_text(encoding="utf-8")


def _ask(night: Night, page: str) -> None:
    """Have the form shown by which a person decides in Prefect; asked again each night, it is the same form."""
    asked = night.workspace.pin_or_none(WAITING, Waiting)
    if asked is not None:
        where = night.settings.model_copy(update={"workspace": night.workspace.root})
        night.runtime.start_flow(
            APPROVAL,
            run=f"{APPROVAL}-{night.settings.profile}-version-{asked.version}",
            key=f"{APPROVAL}-{asked.name}-{asked.version}-{asked.champion}",
            parameters={"settings": where.model_dump(mode="json"), "version": asked.version, "report": page},
        )
