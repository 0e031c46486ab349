"""What a night shows in the Prefect UI: artifacts under stable keys, so that each has its history night by night."""

from collections.abc import Sequence
from typing import Any

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from pipeline_lib.artifact import Manifest
from pipeline_lib.plan.data import DataPlan
from pipeline_lib.plan.tokens import SNAPSHOT_FILE, diff
from pipeline_lib.storage import read_json
from pipeline_lib.work import Step, sum_shards
from tasks.night import Night

FUNNEL_KEY = "refresh-funnel"


def publish_funnel(plan: DataPlan, night: Night) -> dict[str, Any]:
    """Show where documents came in and went, and give it as a value: `{"stages": [...], "snapshot": {...}}`."""
    stages = [_row(stage, steps, night) for stage, steps in plan.funnel]
    whole = plan.tokens.snapshot.whole
    snapshot = read_json(night.workspace.store.path(whole.stage, whole.fingerprint) / SNAPSHOT_FILE)
    change = _change(snapshot, whole.fingerprint, night)
    create_table_artifact(
        key=FUNNEL_KEY,
        table=[_shown(row) for row in stages],
        description=f"Documents in and out of each stage. Snapshot {snapshot['digest'][:12]}: {_said(change)}",
    )
    return {
        "stages": stages,
        "changes": list(plan.documents.changes),
        "snapshot": {"fingerprint": whole.fingerprint, "digest": snapshot["digest"], "diff": change},
    }


def _row(stage: str, steps: Sequence[Step], night: Night) -> dict[str, Any]:
    manifests: list[Manifest] = [night.workspace.store.read(s.whole.stage, s.whole.fingerprint) for s in steps]
    total = sum_shards(manifests)
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
        "why": why or "-",
    }


def _change(snapshot: dict[str, Any], name: str, night: Night) -> dict[str, Any]:
    """The difference to the snapshot before, which is remembered by its fingerprint."""
    history = night.workspace.pin("snapshots") or []
    before = next((entry for entry in reversed(history) if entry != name), None)
    if not history or history[-1] != name:
        night.workspace.save_pin("snapshots", [*history, name])
    return diff(snapshot, _snapshot(before, night) if before else None)


def _snapshot(name: str, night: Night) -> dict[str, Any] | None:
    path = night.workspace.store.path("tokenize", name) / SNAPSHOT_FILE
    content: dict[str, Any] | None = read_json(path) if path.is_file() else None
    return content


def _said(change: dict[str, Any]) -> str:
    parts = [f"{len(change[kind])} batches {kind}" for kind in ("added", "changed", "removed") if change[kind]]
    return f"{', '.join(parts) or 'no change'}; {change['num_train_tokens']:+,} training tokens"


def publish_markdown(key: str, markdown: str, description: str) -> None:
    """A report under a stable key."""
    create_markdown_artifact(key=key, markdown=markdown, description=description)


def publish_table(key: str, table: list[dict[str, Any]], description: str) -> None:
    """A table under a stable key."""
    create_table_artifact(key=key, table=table, description=description)


def publish_link(key: str, link: str, text: str, description: str) -> None:
    """A link under a stable key."""
    create_link_artifact(key=key, link=link, link_text=text, description=description)
