"""register: a model becomes a version in MLflow; the gate judges it; the champion moves.

    run        model and scores in; a model version with alias `challenger`, and `registered.json`
    run_gate   scores of challenger, int8 variant and champion in; `gate.json` and `gate.md`
    judge      the gate itself, a pure function
    promote, rollback    move the aliases `champion` and `previous`

The same model registered again gives the same version, also when a run was killed half-way: between upload and
version, between version and alias. `registered.json` holds what the registry answered (version, run), so it is not the
same in another registry.
"""

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline_lib.model.tracking import open_experiment, open_run, place_of
from pipeline_lib.register.card import FunnelRow, Lineage, model_card, without_header
from pipeline_lib.register.gate import GateReport, Measured, Training, judge, read_measured
from pipeline_lib.register.package import Contents, build
from pipeline_lib.register.promotion import Promotion, promote, promotions, rollback
from pipeline_lib.register.registry import (
    CHALLENGER,
    CHAMPION,
    FINGERPRINT_TAG,
    Registry,
    Upload,
    Version,
    add_version,
    alias_of,
    client_of,
    find_version,
    upload_package,
)
from pipeline_lib.register.settings import GateSettings, RegisterSettings
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.files import read_json, write_atomically, write_json

STAGE = "register"
VERSION = 1

REGISTERED_FILE = "registered.json"
GATE_FILE = "gate.json"
GATE_PAGE_FILE = "gate.md"
SCORES_FILE = "scores.json"
SPEED_FILE = "speed.json"
QUANTIZATION_FILE = "quantization.json"
# Numbers in the scores that are settings of the measurement, not results of it.
HOW_MEASURED = frozenset({"confidence", "context_tokens", "noise_share", "num_tokens", "threads"})

__all__ = ["GateReport", "Measured", "Promotion", "Training", "judge", "promote", "promotions", "rollback"]


@dataclass(frozen=True)
class RegisterInputs:
    """A model and what is known of it."""

    model: Path  # Hugging Face folder
    lineage: Lineage
    scores: Path  # evaluate artifact of the model
    quantized: Path | None  # quantize artifact
    quantized_scores: Path | None  # evaluate artifact of the int8 variant
    funnel: tuple[FunnelRow, ...]
    training: Mapping[str, Any]  # training.json
    run_id: str | None  # MLflow run of the training; None: a run of its own


@dataclass(frozen=True)
class GateInputs:
    """Evaluate artifacts to compare."""

    challenger: Path
    champion: Path | None  # measured on the same documents, tonight; None when there is no champion yet
    quantized: Path | None
    training: Training


def registry_of(settings: RegisterSettings, workspace: Path) -> Registry:
    """The registered model of these settings; ledger and lock lie in the workspace."""
    return Registry(place_of(settings.tracking_uri, workspace), settings.model_name, workspace / "state" / "promotions")


def run(settings: RegisterSettings, inputs: RegisterInputs, workspace: Path, folder: Path) -> Outcome:
    """Register the model as challenger. Raises `UpstreamError` when MLflow cannot be reached."""
    registry = registry_of(settings, workspace)
    with client_of(registry) as client:
        version = find_version(client, registry, inputs.lineage.model_fingerprint)
        if version is None:
            version = _register(client, registry, settings, inputs)
        champion = alias_of(client, registry.name, CHAMPION)
        if champion is None or champion.number != version.number:
            client.set_registered_model_alias(registry.name, CHALLENGER, str(version.number))
    answer = {"name": registry.name, "version": version.number, "run_id": version.run_id}
    write_json(folder / REGISTERED_FILE, {**answer, "tags": dict(version.tags)})
    return Outcome(rows_in=1, rows_out=1, facts=answer)


def run_gate(settings: GateSettings, inputs: GateInputs, folder: Path) -> Outcome:
    """Judge and write the report. A refusal is a result: `facts["is_passed"]` says which."""
    report = judge(
        settings,
        challenger=read_measured(inputs.challenger),
        champion=None if inputs.champion is None else read_measured(inputs.champion),
        quantized=None if inputs.quantized is None else read_measured(inputs.quantized),
        training=inputs.training,
    )
    write_json(folder / GATE_FILE, report.to_json())
    write_atomically(folder / GATE_PAGE_FILE, report.to_markdown().encode())
    return Outcome(rows_in=1, rows_out=1, facts={"is_passed": report.is_passed, "reason": report.reason})


def _register(client: Any, registry: Registry, settings: RegisterSettings, inputs: RegisterInputs) -> Version:
    """Upload and add a version. Files that were found damaged are whole again then, and keep their version."""
    experiment_id = open_experiment(client, registry.place, settings.experiment)
    run_id = inputs.run_id or _own_run(client, registry, settings, inputs.lineage)
    with tempfile.TemporaryDirectory() as temporary:
        card = _card(registry.name, inputs)
        contents = Contents(inputs.model, inputs.quantized, card, inputs.lineage.model_fingerprint)
        files_digest = build(contents, Path(temporary))
        upload = Upload(
            Path(temporary), files_digest, experiment_id, run_id, _tags(inputs.lineage), without_header(card)
        )
        model_id = upload_package(client, registry, upload)
    _log(client, run_id, model_id, inputs)
    healed = find_version(client, registry, inputs.lineage.model_fingerprint)
    return healed or add_version(client, registry, upload, model_id)


def _own_run(client: Any, registry: Registry, settings: RegisterSettings, lineage: Lineage) -> str:
    key = lineage.model_fingerprint
    name = f"register-{key[:8]}"
    made = open_run(client, registry.place, experiment=settings.experiment, key=key, name=name, tags={})
    client.set_terminated(made.info.run_id)
    return str(made.info.run_id)


def _tags(lineage: Lineage) -> dict[str, str]:
    return {
        FINGERPRINT_TAG: lineage.model_fingerprint,
        **{f"nightshift.{name}": value for name, value in asdict(lineage).items() if name != "model_fingerprint"},
    }


def _card(name: str, inputs: RegisterInputs) -> str:
    return model_card(
        name,
        inputs.lineage,
        config=read_json(inputs.model / "config.json"),
        funnel=inputs.funnel,
        training=inputs.training,
        scores=read_json(inputs.scores / SCORES_FILE),
        quantized_scores=None if inputs.quantized_scores is None else read_json(inputs.quantized_scores / SCORES_FILE),
        quantization=None if inputs.quantized is None else read_json(inputs.quantized / QUANTIZATION_FILE),
    )


def _log(client: Any, run_id: str, model_id: str, inputs: RegisterInputs) -> None:
    """Scores of model and int8 variant, linked to the logged model, and the snapshot as the data set of the run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric

    snapshot = Dataset(
        name="snapshot", digest=inputs.lineage.snapshot_digest, source_type="nightshift", source=json.dumps({})
    )
    client.log_inputs(run_id, [DatasetInput(snapshot, [InputTag("mlflow.data.context", "training")])])
    figures = _figures("evaluate", inputs.scores)
    if inputs.quantized_scores is not None:
        figures |= _figures("quantize", inputs.quantized_scores)
    now_ms = int(time.time() * 1000)
    metrics = [
        Metric(
            name,
            value,
            now_ms,
            0,
            model_id=model_id,
            dataset_name=snapshot.name,
            dataset_digest=snapshot.digest,
            run_id=run_id,
        )
        for name, value in figures.items()
    ]
    client.log_batch(run_id, metrics=metrics)


def _figures(prefix: str, folder: Path) -> dict[str, float]:
    """The numbers of a scores.json and, where they were measured, the speeds."""
    figures = dict(read_json(folder / SCORES_FILE))
    if (folder / SPEED_FILE).is_file():
        figures |= read_json(folder / SPEED_FILE)
    numbers = {
        name: value for name, value in figures.items() if isinstance(value, int | float) and name not in HOW_MEASURED
    }
    return {f"{prefix}/{name}": float(value) for name, value in sorted(numbers.items())}
