"""Registration, the gate, and the champion's move: the end of a night."""

from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline_lib.errors import GateRefused
from pipeline_lib.plan.judge import JudgePlan, against_champion, champion_step
from pipeline_lib.plan.models import ModelsPlan
from pipeline_lib.register import stage as register
from pipeline_lib.register.registry import CHAMPION, Registry, version_by_alias
from pipeline_lib.work import Step, missing
from tasks.night import Night
from tasks.steps import do_step

GATE_KEY = "gate-report"
PROMOTED = "nightshift.model.promoted"


@dataclass(frozen=True)
class Verdict:
    """What became of the challenger."""

    version: int
    is_promoted: bool
    sentence: str  # "version 3 promoted: ..." or "version 3 not promoted: refused: ..."
    champion_scores: Step | None  # of the champion it was compared with, if that was tonight


def judge(plan: JudgePlan, models: ModelsPlan, night: Night) -> Verdict:
    """Register the challenger, let the gate compare it with the champion, and move the champion if it is better."""
    registry = register.registry_of(night.settings.register, night.workspace.root)
    version = int(do_step(plan.register, night).facts["version"])
    gate, champion_scores = plan.gate, None
    if missing(gate, night.workspace.store):
        champion = version_by_alias(registry, CHAMPION)
        if champion is not None and champion.number != version:
            challenger = models.train.whole.fingerprint
            champion_scores = champion_step(night.settings, night.workspace, models.on, champion, challenger)
            do_step(champion_scores, night)
            gate = against_champion(gate, champion_scores, champion)
    facts = do_step(gate, night).facts
    is_promoted, sentence = _move(
        night, registry, version, bool(facts["is_passed"]), facts["champion_version"], facts["reason"]
    )
    _publish(gate, night, f"Version {version} {sentence}")
    return Verdict(version, is_promoted, f"version {version} {sentence}", champion_scores)


def _move(
    night: Night, registry: Registry, version: int, is_passed: bool, judged_against: int | None, reason: str
) -> tuple[bool, str]:
    """Promote a version that passed, unless it was promoted before: a rollback since then stays."""
    if not is_passed:
        return False, f"not promoted: {reason}"
    if any(p.version == version and p.name == registry.name for p in register.promotions(registry)):
        return True, f"was promoted: {reason}"
    try:
        register.promote(registry, version, expected_champion=judged_against, reason=reason, now=datetime.now(UTC))
    except GateRefused as exc:
        return False, f"not promoted: {exc}"
    night.runtime.event(PROMOTED, f"nightshift.model.{registry.name}", {"version": version})
    return True, f"promoted: {reason}"


def _publish(gate: Step, night: Night, description: str) -> None:
    page = night.workspace.store.path(gate.whole.stage, gate.whole.fingerprint) / register.GATE_PAGE_FILE
    night.runtime.markdown(GATE_KEY, page.read_text(encoding="utf-8"), description)
