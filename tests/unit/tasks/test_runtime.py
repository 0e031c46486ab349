"""What a run of a worker does at its end, with a Prefect server that takes nothing of earlier nights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.store.outbox import Outbox
from pipeline_lib.store.workspace import new_run
from tasks import stages
from tasks.runtime import PREFECT
from tasks.stages import WORKER_VARIABLE, PrefectRuntime


def test_what_earlier_nights_have_kept_costs_this_one_no_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How it ends is still told, also where a parcel of a month ago is refused again and again."""
    told: list[tuple[Any, ...]] = []

    def refuse(*given: Any) -> None:
        told.append(given)
        raise RuntimeError

    monkeypatch.setenv(WORKER_VARIABLE, "1")
    monkeypatch.setattr(stages, "exit_with_parent", lambda parent: None)
    monkeypatch.setattr(stages, "request", refuse)
    monkeypatch.setattr(stages, "mark_crashed", lambda *given: told.append(given))
    Outbox(tmp_path, PREFECT).keep("a", [{"method": "POST", "path": "no/such/path", "body": None}])
    runtime = PrefectRuntime(tmp_path)
    runtime.settle()
    assert told == [("GET", "flow_runs/a")]
    assert runtime.reap(replace(new_run("one", "nightly", "tiny"), flow_run_id="f"))
    assert told[1:] == [("f", "")]
