"""What a night shows and says: the funnel of the data half, the scores of the models."""

from collections.abc import Sequence
from typing import Any

from pipeline_lib.evaluate.stage import SCORES_FILE
from pipeline_lib.evaluate.stage import STAGE as EVALUATE
from pipeline_lib.model.tracking import page_of, pages_of, place_of
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.models import ModelsPlan
from pipeline_lib.plan.tokens import SNAPSHOT_FILE, diff
from pipeline_lib.run.work import Step, sum_shards
from pipeline_lib.store.files import read_json
from pipeline_lib.train.job import SUMMARY_FILE
from tasks.gate import Verdict
from tasks.night import Night

FUNNEL_KEY = "refresh-funnel"
SCORES_KEY = "model-scores"
MLFLOW_KEY = "mlflow-model"
DEFAULT_PAGES = "http://127.0.0.1:5000"  # of MLflow under `nightshift up`

# Columns of the table of scores, and what people call them.
SHOWN_SCORES = {
    "bits_per_byte": "bits per byte",
    "bits_per_byte_low": "from",
    "bits_per_byte_high": "to",
    "unigram_bits_per_byte": "unigram model",
    "noise_bits_per_byte": "with noise",
    "token_perplexity": "perplexity a token",
    "byte_perplexity": "a byte",
    "num_documents": "documents",
    "model_bytes": "bytes of the model",
}


def name_run(plan: DataPlan, night: Night) -> None:
    """Give the run a name that says the profile and the snapshot."""
    whole = plan.tokens.snapshot.whole
    digest = str(night.workspace.store.read(whole.stage, whole.fingerprint).facts["digest"])
    night.runtime.name(f"{night.record.flow}-{night.settings.profile}-{digest[:8]}")


def publish_funnel(plan: DataPlan, night: Night) -> dict[str, Any]:
    """Show where documents came in and went, and give it as a value: `{"stages": [...], "snapshot": {...}}`."""
    stages = [_row(stage, steps, night) for stage, steps in plan.funnel]
    whole = plan.tokens.snapshot.whole
    snapshot = read_json(night.workspace.store.path(whole.stage, whole.fingerprint) / SNAPSHOT_FILE)
    change = _change(snapshot, whole.fingerprint, night)
    sentence = (
        f"{stages[0]['rows_in']:,} documents in, {stages[-1]['rows_out']:,} kept; "
        f"snapshot {snapshot['digest'][:8]}: {_said(change)}"
    )
    night.runtime.table(FUNNEL_KEY, [_shown(row) for row in stages], sentence)
    return {
        "sentence": sentence,
        "stages": stages,
        "changes": list(plan.documents.changes),
        "snapshot": {"fingerprint": whole.fingerprint, "digest": snapshot["digest"], "diff": change},
    }


def _row(stage: str, steps: Sequence[Step], night: Night) -> dict[str, Any]:
    total = sum_shards([night.workspace.store.read(step.whole.stage, step.whole.fingerprint) for step in steps])
    dropped = dict(sorted(total.dropped.items(), key=lambda item: -item[1]))
    facts = {name: value for name, value in total.facts.items() if name.startswith("num_")}
    return {"stage": stage, "rows_in": total.rows_in, "rows_out": total.rows_out, "dropped": dropped, "facts": facts}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    why = ", ".join(f"{reason} {count}" for reason, count in row["dropped"].items())
    return {
        "stage": row["stage"],
        "documents in": row["rows_in"],
        "documents out": row["rows_out"],
        "dropped": row["rows_in"] - row["rows_out"],
        "why": why or "nothing dropped",
    }


def _change(snapshot: dict[str, Any], name: str, night: Night) -> dict[str, Any]:
    """The difference to the last night's snapshot, which is remembered by its fingerprint."""
    history = night.workspace.pin("snapshots") or []
    before = history[-1] if history else None
    if before != name:
        night.workspace.save_pin("snapshots", [*history, name])
    path = night.workspace.store.path("tokenize", before or name) / SNAPSHOT_FILE
    return diff(snapshot, read_json(path) if before and path.is_file() else None)


def _said(change: dict[str, Any]) -> str:
    counts = {kind: len(change[kind]) for kind in ("added", "changed", "removed")}
    parts = [f"{n} batch{'es' if n > 1 else ''} {kind}" for kind, n in counts.items() if n]
    return f"{', '.join(parts) or 'no change'}; {change['num_train_tokens']:+,} training tokens"


def publish_scores(models: ModelsPlan, verdict: Verdict, night: Night) -> dict[str, Any]:
    """Show the scores of challenger, int8 variant and champion side by side, and give the figures for the summary."""
    store = night.workspace.store
    scored = {
        "challenger": models.evaluate.whole.fingerprint,
        "challenger int8": models.evaluate_int8.whole.fingerprint,
    }
    if verdict.champion_scores is not None:
        scored[f"champion until then (version {verdict.champion_version})"] = verdict.champion_scores
    paths = {name: store.path(EVALUATE, scores) / SCORES_FILE for name, scores in scored.items()}
    scores = {name: read_json(path) for name, path in paths.items() if path.is_file()}
    training = read_json(store.path(models.train.whole.stage, models.train.whole.fingerprint) / SUMMARY_FILE)
    rows = [{"model": name, **_columns(found)} for name, found in scores.items()]
    night.runtime.table(SCORES_KEY, rows, f"On the same held-out documents: {verdict.sentence}")
    _link(verdict, night)
    return {
        "scores": scores,
        "training": training,
        "verdict": verdict.sentence,
        "model": night.settings.register.model_name,
        "version": verdict.version,
    }


def _columns(scores: dict[str, Any]) -> dict[str, Any]:
    shown = {heading: scores.get(name) for name, heading in SHOWN_SCORES.items()}
    return {heading: round(v, 4) if isinstance(v, float) else v for heading, v in shown.items()}


def _link(verdict: Verdict, night: Night) -> None:
    """A link to the version's page. An MLflow that nobody has started yet will be where `nightshift up` puts it."""
    settings = night.settings.register
    pages = pages_of(place_of(settings.tracking_uri, night.workspace.root))
    page = page_of(pages or DEFAULT_PAGES, f"models/{settings.model_name}/versions/{verdict.version}")
    name = f"{settings.model_name} version {verdict.version}"
    when = "" if pages else ", while nightshift up runs"
    night.runtime.link(MLFLOW_KEY, page, name, f"{name} in MLflow{when}")
