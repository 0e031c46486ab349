"""A model becomes a version in MLflow: its package uploaded, its figures logged, the alias `challenger` on it.

The same model with the same variants registered again gives the same version, also when a run was killed half-way:
between upload and version, between version and alias. With other variants it is another version.
"""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline_lib.model.database import keep_copy
from pipeline_lib.model.records import CHALLENGER as OF_CHALLENGER
from pipeline_lib.model.records import Figures, Scores, VariantReport
from pipeline_lib.model.tracking import open_experiment, open_run
from pipeline_lib.register.card import Facts, FunnelRow, Origin, model_card, without_header
from pipeline_lib.register.mend import put_back
from pipeline_lib.register.opened import is_intact
from pipeline_lib.register.package import Contents, build
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
    find_versions,
    upload_package,
)
from pipeline_lib.register.signing import sign_package
from pipeline_lib.register.table import deciding
from pipeline_lib.store.files import read_json

# Numbers in the scores that say where and how was measured, and are not results of it.
HOW_MEASURED = frozenset(
    {"confidence", "context_tokens", "generation", "noise_share", "num_tokens", "threads", "version"}
)


@dataclass(frozen=True)
class Scored:
    """A candidate on a benchmark, and how fast it was."""

    scores: Scores
    speed: Figures


@dataclass(frozen=True)
class Candidate:
    """A model and what is known of it."""

    model: Path  # Hugging Face folder
    origin: Origin
    scored: Sequence[Scored]  # the model and its variants, on all benchmarks
    variants: Mapping[str, Path]  # artifacts of quantize, by scheme
    reports: Sequence[VariantReport]
    funnel: Sequence[FunnelRow]
    training: Figures


def register_model(registry: Registry, experiment: str, candidate: Candidate, *, is_again: bool = False) -> Version:
    """Its version, which is the challenger from here on unless it is the champion already. `is_again`: its files were
    found damaged, so it is that only in the place of the version that had them.

    Raises `UpstreamError` when MLflow cannot be reached.
    """
    with client_of(registry) as client:
        version = _version_of(client, registry, candidate.origin)
        if version is None:
            version = _register(client, registry, experiment, candidate)
        if _is_challenger(client, registry, version, is_again=is_again):
            client.set_registered_model_alias(registry.name, CHALLENGER, str(version.number))
    if registry.place.is_own:
        keep_copy(registry.place.database)
    return version


def _is_challenger(client: Any, registry: Registry, version: Version, *, is_again: bool) -> bool:
    """See `register_model`."""
    if is_again:
        challenger = alias_of(client, registry.name, CHALLENGER)
        return challenger is not None and challenger.is_same_model(version)
    champion = alias_of(client, registry.name, CHAMPION)
    return champion is None or champion.number != version.number


def _register(client: Any, registry: Registry, experiment: str, candidate: Candidate) -> Version:
    """Upload and add a version; where files of one that there is were found damaged, and can be put back, that one."""
    origin = candidate.origin
    experiment_id = open_experiment(client, registry.place, experiment)
    run_id = _run_of(client, registry, experiment, origin.model_fingerprint)
    with tempfile.TemporaryDirectory() as temporary:
        card = model_card(registry.name, origin, _facts(candidate))
        files_digest, tags = _package(candidate, card, Path(temporary)), _tags(origin)
        key = sign_package(registry, Path(temporary), files_digest, tags).line
        _put_back(client, registry, origin, Path(temporary))
        if healed := _version_of(client, registry, origin):
            return healed
        upload = Upload(Path(temporary), files_digest, key, experiment_id, run_id, tags, without_header(card))
        model_id = upload_package(client, registry, upload)
    _log(client, run_id, model_id, candidate)
    return add_version(client, registry, upload, model_id)


def put_files_back(registry: Registry, candidate: Candidate) -> None:
    """Give the versions of this model those of their lost files that can be made again as they were; register none."""
    with client_of(registry) as client, tempfile.TemporaryDirectory() as temporary:
        card = model_card(registry.name, candidate.origin, _facts(candidate))
        files_digest = _package(candidate, card, Path(temporary))
        sign_package(registry, Path(temporary), files_digest, _tags(candidate.origin))
        _put_back(client, registry, candidate.origin, Path(temporary))


def _package(candidate: Candidate, card: str, folder: Path) -> str:
    """Put the package together in an empty folder; the digest of its list of files."""
    return build(Contents(candidate.model, candidate.variants, card, candidate.origin.model_fingerprint), folder)


def _put_back(client: Any, registry: Registry, origin: Origin, package: Path) -> None:
    for damaged in find_versions(client, registry, origin.model_fingerprint, origin.variants_digest):
        put_back(client, registry, damaged, package)


def _version_of(client: Any, registry: Registry, origin: Origin) -> Version | None:
    """The newest version of that model with those variants that can be opened, or None."""
    found = find_versions(client, registry, origin.model_fingerprint, origin.variants_digest)
    return next((version for version in found if is_intact(registry, version.number)), None)


def _facts(candidate: Candidate) -> Facts:
    return Facts(
        config=read_json(candidate.model / "config.json"),
        funnel=candidate.funnel,
        training=candidate.training,
        scores=[one.scores for one in candidate.scored],
        variants=candidate.reports,
    )


def _run_of(client: Any, registry: Registry, experiment: str, key: str) -> str:
    """The MLflow run of the training, which has the model's fingerprint for its key; made where there is none."""
    made = open_run(client, registry.place, experiment=experiment, key=key, name=f"register-{key[:8]}", tags={})
    client.set_terminated(made.info.run_id)
    return str(made.info.run_id)


def _tags(origin: Origin) -> dict[str, str]:
    return {
        FINGERPRINT_TAG: origin.model_fingerprint,
        **{f"nightshift.{name}": value for name, value in asdict(origin).items() if name != "model_fingerprint"},
    }


def _log(client: Any, run_id: str, model_id: str, candidate: Candidate) -> None:
    """The figures, linked to the logged model, and the snapshot as the data set of the run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric

    digest = candidate.origin.snapshot_digest
    snapshot = Dataset(name="snapshot", digest=digest, source_type="nightshift", source=json.dumps({}))
    client.log_inputs(run_id, [DatasetInput(snapshot, [InputTag("mlflow.data.context", "training")])])
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
        for name, value in sorted(metrics_of(candidate.scored).items())
    ]
    client.log_batch(run_id, metrics=metrics)


def metrics_of(scored: Sequence[Scored]) -> dict[str, float]:
    """The figures by the name of their curve.

    evaluate/bits_per_byte                       the model on the benchmark that decides
    quantize/<scheme>/bits_per_byte              a variant of it
    evaluate/fresh-12/bits_per_byte              another benchmark
    evaluate/frozen-1/language/zh                bits per byte of a slice
    """
    label = deciding(one.scores for one in scored if one.scores.candidate == OF_CHALLENGER)
    found: dict[str, float] = {}
    for one in scored:
        scores = one.scores
        head = "evaluate" if scores.candidate == OF_CHALLENGER else f"quantize/{scores.candidate}"
        if scores.label == label:
            found |= _numbers(head, {**scores.figures, **one.speed})
        else:
            found |= _numbers(f"{head}/{scores.label}", {"bits_per_byte": scores.bits_per_byte})
        slices = {f"{part.by}/{part.name}": part.bits_per_byte for part in scores.slices}
        found |= _numbers(f"{head}/{scores.label}", slices)
    return found


def _numbers(head: str, figures: Figures) -> dict[str, float]:
    numbers = {name: value for name, value in figures.items() if isinstance(value, int | float)}
    return {f"{head}/{name}": float(value) for name, value in numbers.items() if name not in HOW_MEASURED}
