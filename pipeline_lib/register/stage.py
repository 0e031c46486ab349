"""register: a model becomes a version in MLflow; the gate judges it; the champion moves.

    register.version   model, scores, variants -> a model version with alias `challenger`, and registered.json
    register.gate      scores of challenger, variants and champion -> gate.json and gate.md
    promote, rollback  move the aliases `champion` and `previous`

`registered.json` holds what the registry answered (version, run), so it is not the same in another registry. A refusal
of the gate is a result: `facts["is_passed"]` says which.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_lib.model.records import (
    MODEL_FOLDER,
    PER_DOCUMENT_FILE,
    SCORES_FILE,
    SPEED_FILE,
    TRAINING_FILE,
    VARIANT_FILE,
    finite,
    read_figures,
    read_scores,
    read_variant,
)
from pipeline_lib.model.tracking import place_of
from pipeline_lib.register.ledger import Promotion, moves_of, promotions
from pipeline_lib.register.moves import begun, intended
from pipeline_lib.register.promotion import check_named, promote, rollback
from pipeline_lib.register.registry import VARIANTS_TAG, Registry, Version
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.settle import in_service, is_settled, look, oddities, rollback_target, settle
from pipeline_lib.register.signings import REGISTERED_FILE
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome, Ref, digest_of
from pipeline_lib.store.files import read_json, write_atomically, write_json

if TYPE_CHECKING:
    from pipeline_lib.model.measured import Measured
    from pipeline_lib.register.card import FunnelRow, Origin
    from pipeline_lib.register.version import Candidate

STAGE = "register"

IN_SERVICE = "in_service"  # an input of the gate: the model that it judges, where that is the champion
EARLIER = "earlier"  # and former champions on the frozen benchmark, each the best of them in something
GATE_FILE = "gate.json"
GATE_PAGE_FILE = "gate.md"
AGAIN = "again"  # an input of a version: the model, where it was registered before and its files are damaged
VARIANT_INPUT = "variant:"  # and the scheme: inputs of a version
UNKNOWN = "unknown"  # what a version says of something that is gone
FUNNEL_FILE = "funnel.json"  # [{"stage", "documents_in", "documents_out", "dropped": {reason: number}}]

__all__ = [
    "Promotion",
    "Registry",
    "begun",
    "check_named",
    "in_service",
    "intended",
    "is_settled",
    "look",
    "moves_of",
    "oddities",
    "promote",
    "promotions",
    "rollback",
    "rollback_target",
    "settle",
]


def registry_of(settings: RegisterSettings, workspace: Path) -> Registry:
    """The registered model of these settings; ledger and lock lie in the workspace."""
    place, folder = place_of(settings.tracking_uri, workspace), workspace / "state" / "promotions"
    return Registry(place, settings.model_name, folder, workspace, settings.trusted_keys)


def make_version(settings: RegisterSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Register the model as challenger. Raises `UpstreamError` when MLflow cannot be reached.

    Inputs: `model`, the training; `scores`, a list of those of the model and its variants; `variant:SCHEME` for each of
    them; `tokenizer`; `snapshot`, whose facts have its digest, and `funnel`, what holds funnel.json, may be missing;
    `again` is there when files of its version were found damaged: then it comes forward as challenger nowhere else.
    """
    from pipeline_lib.register.version import register_model

    registry = registry_of(settings, inputs.workspace)
    version = register_model(registry, settings.experiment, _candidate(inputs), is_again=inputs.has(AGAIN))
    answer = {"name": settings.model_name, "version": version.number, "run_id": version.run_id}
    write_json(folder / REGISTERED_FILE, {**answer, "tags": dict(version.tags)})
    return Outcome(rows_in=1, rows_out=1, facts=answer)


def put_files_back(settings: RegisterSettings, inputs: Inputs) -> None:
    """Put files back that the versions of this model have lost, from the inputs of `make_version`; register none."""
    from pipeline_lib.register.version import put_files_back

    put_files_back(registry_of(settings, inputs.workspace), _candidate(inputs))


def make_gate(settings: RegisterSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Judge and write the report.

    Inputs: `model`, the training; `scores`, a list of those of the challenger and its variants; `champion`, a list of
    those of the champion, missing when there is none; `earlier`, those of former champions on the frozen benchmark,
    missing when there are none; `in_service`, there when the champion is this model.
    Parameter `schemes`: the variants that must have scores.
    """
    from pipeline_lib.register.check import Training
    from pipeline_lib.register.gate import weighed
    from pipeline_lib.register.table import table_of

    training = read_figures(inputs.file("model", TRAINING_FILE))
    report = weighed(
        settings.gate,
        table_of([*_measured(inputs, "scores"), *_measured(inputs, "champion")]),
        schemes=tuple(inputs.params.get("schemes", ())),
        training=Training(finite(training.get("start_bits_per_byte")), finite(training.get("end_bits_per_byte"))),
        earlier={cell.scores.version: cell for cell in _measured(inputs, EARLIER) if cell.scores.version is not None},
        is_in_service=inputs.has(IN_SERVICE),
    )
    write_json(folder / GATE_FILE, report.to_json())
    write_atomically(folder / GATE_PAGE_FILE, report.to_markdown().encode())
    facts = {
        "is_passed": report.is_passed,
        "is_held": report.is_held,
        "reason": report.reason,
        "benchmark": report.benchmark,
        "champion_version": report.champion_version,
        "best_versions": list(report.best_versions),
        "num_missing_documents": report.num_missing_documents,
    }
    return Outcome(rows_in=1, rows_out=1, facts=facts)


def _candidate(inputs: Inputs) -> "Candidate":
    """What is registered, by the inputs of `make_version`."""
    from pipeline_lib.register.version import Candidate, Scored

    files = (inputs.files("scores", name) for name in (SCORES_FILE, SPEED_FILE))
    variants = {scheme: inputs.folder(f"{VARIANT_INPUT}{scheme}") for scheme in _variants(inputs.named)}
    return Candidate(
        model=inputs.folder("model") / MODEL_FOLDER,
        origin=_lineage(inputs),
        scored=[Scored(read_scores(scores), read_figures(speed)) for scores, speed in zip(*files, strict=True)],
        variants=variants,
        reports=[read_variant(variant / VARIANT_FILE) for variant in variants.values()],
        funnel=_funnel(inputs),
        training=read_figures(inputs.file("model", TRAINING_FILE)),
    )


def _measured(inputs: Inputs, name: str) -> list["Measured"]:
    """The cells of a list of scores; none where there is no such list."""
    from pipeline_lib.model.measured import read_measured

    if not inputs.has(name):
        return []
    files = (inputs.files(name, file) for file in (SCORES_FILE, PER_DOCUMENT_FILE))
    return [read_measured(scores, per_document) for scores, per_document in zip(*files, strict=True)]


def _lineage(inputs: Inputs) -> "Origin":
    from pipeline_lib.register.card import Origin

    return Origin(
        model_fingerprint=inputs.named["model"].fingerprint,
        snapshot_digest=str(inputs.manifest("snapshot").facts["digest"]) if inputs.has("snapshot") else UNKNOWN,
        tokenizer_fingerprint=inputs.named["tokenizer"].fingerprint,
        variants_digest=_variants_digest(inputs.named),
        code_revision=str(inputs.manifest("model").made.get("revision", UNKNOWN)),
    )


def is_of(version: Version, named: Mapping[str, Ref]) -> bool:
    """Whether a version is what is registered of these inputs."""
    is_its_model = version.model_fingerprint == named["model"].fingerprint
    return is_its_model and version.tags.get(VARIANTS_TAG) == _variants_digest(named)


def _variants(named: Mapping[str, Ref]) -> dict[str, Ref]:
    """By the name of each scheme what it made."""
    return {name.removeprefix(VARIANT_INPUT): ref for name, ref in named.items() if name.startswith(VARIANT_INPUT)}


def _variants_digest(named: Mapping[str, Ref]) -> str:
    return digest_of({scheme: ref.fingerprint for scheme, ref in _variants(named).items()})


def _funnel(inputs: Inputs) -> list["FunnelRow"]:
    from pipeline_lib.register.card import FunnelRow

    return [FunnelRow(**row) for row in read_json(inputs.file("funnel", FUNNEL_FILE))] if inputs.has("funnel") else []


VERSION = Maker(
    "register.version",
    1,
    "version.v1",
    make_version,
    reads=("model_name", "experiment", "tracking_uri"),
    is_light=True,
)
GATE = Maker("register.gate", 2, "gate.v1", make_gate, reads=("gate",), is_light=True)
MAKERS = (VERSION, GATE)
