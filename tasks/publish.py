"""What a night shows and says: the funnel of the data half, the scores of the models."""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.clean.steps.counts import Count, counts_in, table_of
from pipeline_lib.model.records import SCORES_FILE, TRAINING_FILE, Scores, read_scores
from pipeline_lib.model.tracking import page_of, pages_of, place_of
from pipeline_lib.plan.benchmarks import BenchmarksPlan
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.models import ModelsPlan
from pipeline_lib.plan.night import fits_of, notes_of, passed_over_of
from pipeline_lib.plan.sides import num_documents, read_pin
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.run.lists import sum_of
from pipeline_lib.run.step import Step
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.files import read_json
from pipeline_lib.tokenize.snapshot import SNAPSHOT_FILE, diff
from tasks.gate import Verdict
from tasks.night import Night

FUNNEL_KEY = "refresh-funnel"
STEPS_KEY = "clean-steps"
SCORES_KEY = "model-scores"
MLFLOW_KEY = "mlflow-model"
SHOWN = "shown-snapshot"  # what the difference is told to: forgotten, there is none to tell
SCORES_SCHEMA = "scores.v1"
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
    digest = str(_snapshot(plan, night)["digest"])
    night.runtime.name(f"{night.record.flow}-{night.settings.profile}-{digest[:8]}")


def publish_funnel(plan: DataPlan, benchmarks: BenchmarksPlan, night: Night) -> dict[str, Any]:
    """Show where documents came in and went, and give it as a value: `{"stages": [...], "snapshot": {...}}`."""
    stages = [_row(stage, refs, night) for stage, refs in plan.sums.items()]
    snapshot, name = _snapshot(plan, night), plan.snapshot.whole.fingerprint
    change = _change(snapshot, name, night)
    sentence = (
        f"{stages[0]['rows_in']:,} documents in, {stages[-1]['rows_out']:,} kept; "
        f"snapshot {snapshot['digest'][:8]}: {_said(change)}"
    )
    night.runtime.table(FUNNEL_KEY, [_shown(row) for row in stages], sentence)
    counts = {name: count for row in stages for name, count in counts_in(row["facts"]).items()}
    if steps := [_shown_step(*step) for step in table_of(counts, night.cpu_seconds)]:
        told = "What each step of clean did to texts, over all batches, and how long it took this night"
        night.runtime.table(STEPS_KEY, steps, told)
    return {
        "sentence": sentence,
        "stages": stages,
        "cpu_seconds": dict(night.cpu_seconds),
        "changes": list(plan.changes),
        "notes": [*notes_of(plan, night.workspace.store), *benchmarks.notes],
        "bytes_per_token": [asdict(fit) for fit in fits_of(plan, night.workspace.store)],
        "passed_over": passed_over_of(plan),
        "num_heldout": num_documents(night.workspace.store, read_pin(night.workspace).frozen),
        "snapshot": {
            "fingerprint": name,
            **{said: snapshot[said] for said in ("digest", "num_documents", "num_tokens")},
            "diff": change,
        },
    }


def _snapshot(plan: DataPlan, night: Night) -> dict[str, Any]:
    ref = plan.snapshot.whole.ref
    opened = night.workspace.store.open(ref.stage, ref.fingerprint, files=[SNAPSHOT_FILE])
    found: dict[str, Any] = read_json(opened.file(SNAPSHOT_FILE))
    return found


def _row(stage: str, refs: Sequence[Ref], night: Night) -> dict[str, Any]:
    total = sum_of(night.workspace.store.read(ref.stage, ref.fingerprint) for ref in refs)
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


def _shown_step(name: str, count: Count) -> dict[str, Any]:
    return {
        "step": name,
        "documents changed": count.num_changed,
        "characters less": count.num_chars_removed,
        "documents let alone": count.num_spared,
        "CPU seconds": round(count.cpu_seconds, 2),
    }


def _change(snapshot: dict[str, Any], name: str, night: Night) -> dict[str, Any]:
    """The difference to the last night's snapshot, which is remembered by its fingerprint."""
    before = next(iter(night.workspace.last(SHOWN)), None)
    night.workspace.save_last(SHOWN, [name])
    return diff(snapshot, None if before is None else _opened(before, night))


def _opened(name: str, night: Night) -> dict[str, Any] | None:
    """What a snapshot says of itself; None of one that is gone or damaged."""
    try:
        opened = night.workspace.store.open("tokenize", name, files=[SNAPSHOT_FILE])
    except (DamagedArtifact, OSError):
        return None
    found: dict[str, Any] = read_json(opened.file(SNAPSHOT_FILE))
    return found


def _said(change: dict[str, Any]) -> str:
    counts = {kind: len(change[kind]) for kind in ("added", "changed", "removed")}
    parts = [f"{n} batch{'es' if n > 1 else ''} {kind}" for kind, n in counts.items() if n]
    if change["num_excluded_documents"]:
        parts.append(f"{change['num_excluded_documents']:+,} documents left out")
    return f"{', '.join(parts) or 'no change'}; {change['num_tokens']:+,} tokens"


def publish_scores(models: ModelsPlan, verdict: Verdict, night: Night) -> dict[str, Any]:
    """Show the scores of challenger, variants and champion side by side, and give the figures for the summary."""
    scores = {f"{one.candidate}, {one.label}": one for step in models.evaluate for one in _scores(step, night)}
    if verdict.champion is not None:
        until_then = {
            f"champion until then (version {one.version}), {one.label}": one
            for one in _scores(verdict.champion, night, spares=True)
        }
        scores |= until_then
    rows = [{"model": name, **_columns(found.figures)} for name, found in scores.items()]
    night.runtime.table(SCORES_KEY, rows, f"On the same held-out documents: {verdict.sentence}")
    _link(verdict, night)
    model = night.workspace.store.open(models.model.stage, models.model.fingerprint, files=[TRAINING_FILE])
    return {
        "scores": {name: dict(found.figures) for name, found in scores.items()},
        "training": read_json(model.file(TRAINING_FILE)),
        "is_trained": bool(models.train.todo),
        "verdict": verdict.sentence,
        "model": night.settings.of(RegisterSettings).model_name,
        "version": verdict.version,
    }


def _scores(step: Step, night: Night, *, spares: bool = False) -> list[Scores]:
    """What a candidate scored, on each benchmark. `spares`: damaged ones are left out, as no plan makes them again."""
    store, found = night.workspace.store, []
    for work in step.wholes:
        if work.maker.schema == SCORES_SCHEMA and store.is_present(work.ref):
            with suppress(DamagedArtifact) if spares else nullcontext():
                opened = store.open(work.ref.stage, work.ref.fingerprint, files=[SCORES_FILE])
                found.append(read_scores(opened.file(SCORES_FILE)))
    return found


def _columns(scores: dict[str, Any]) -> dict[str, Any]:
    shown = {heading: scores.get(name) for name, heading in SHOWN_SCORES.items()}
    return {heading: round(v, 4) if isinstance(v, float) else v for heading, v in shown.items()}


def _link(verdict: Verdict, night: Night) -> None:
    """A link to the version's page. An MLflow that nobody has started yet will be where `nightshift up` puts it."""
    settings = night.settings.of(RegisterSettings)
    pages = pages_of(place_of(settings.tracking_uri, night.workspace.root))
    page = page_of(pages or DEFAULT_PAGES, f"models/{settings.model_name}/versions/{verdict.version}")
    name = f"{settings.model_name} version {verdict.version}"
    when = "" if pages else ", while nightshift up runs"
    night.runtime.link(MLFLOW_KEY, page, name, f"{name} in MLflow{when}")
