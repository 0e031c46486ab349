"""The works of register: the version of a challenger, and its judgement."""

from collections.abc import Mapping, Sequence

from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import GATE, VARIANT_INPUT, VERSION
from pipeline_lib.run.maker import Work
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref


def version_work(
    settings: Settings,
    *,
    model: Ref,
    scores: Ref,
    variants: Mapping[str, Ref],
    tokenizer: Ref,
    snapshot: Ref | None,
    funnel: Ref,
) -> Work:
    """A version in MLflow. It is named by what is registered; how the documents came there is told beside."""
    own = settings.of(RegisterSettings).only(VERSION.reads)
    inputs = {"model": model, "scores": scores, **{f"{VARIANT_INPUT}{name}": ref for name, ref in variants.items()}}
    beside = {"tokenizer": tokenizer, "funnel": funnel} | ({} if snapshot is None else {"snapshot": snapshot})
    return Work(VERSION, own, inputs, beside=beside, name="version")


def gate_work(settings: Settings, *, version: Ref, model: Ref, scores: Ref, schemes: Sequence[str]) -> Work:
    """The judgement. It is named by what is judged, not by the champion of the hour: a challenger is judged once."""
    own = settings.of(RegisterSettings).only(GATE.reads)
    inputs = {"version": version, "model": model, "scores": scores}
    return Work(GATE, own, inputs, {"schemes": list(schemes)}, name="gate")
