"""Curves that MLflow did not take in their night: kept, and sent when it answers again.

A training that was killed between its model and its curves has left them in its work folder; they are kept from there.
What MLflow has already is not sent again, step by step of each curve.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.model.tracking import RECEIVER, Place, Point, check_answers, connect, open_run, send
from pipeline_lib.store.outbox import Line, Outbox


def deliver(root: Path, place: Place) -> int:
    """Send what is kept for this store in the workspace `root`; of how many trainings. MLflow is imported only then."""
    outbox, number = Outbox(root, RECEIVER), 0
    if outbox.is_empty():
        return 0
    try:
        check_answers(place)
    except UpstreamError:
        return 0
    with outbox.parcels() as parcels:
        for parcel in parcels:
            lines = parcel.take()
            try:
                runs = [line["run"] for line in lines if "run" in line]
                if runs and runs[-1]["place"] != place.shown:
                    continue  # it waits for its own store
                if runs:
                    _send(parcel.key, runs[-1], lines, place)
                parcel.done()
                number += bool(runs)
            except Exception:  # noqa: BLE001 - any failure of a client that wraps many transports: later, then
                parcel.put_back(lines)
                break
    return number


def said(number: int) -> str:
    """What is told of so many trainings."""
    return f"sent the curves of {number} earlier training{'s' if number > 1 else ''} to MLflow"


def _send(key: str, run: Mapping[str, Any], lines: Sequence[Line], place: Place) -> None:
    """Send one training."""
    client = connect(place)
    opened = open_run(client, place, experiment=run["experiment"], key=key, name=run["name"], tags=run["tags"])
    run_id = opened.info.run_id
    points = [Point(*values) for line in lines for values in line.get("points", [])]
    known = {key: _steps(client, run_id, key) for key in {point.key for point in points}}
    params = {name: value for line in lines for name, value in line.get("params", {}).items()}
    send(client, run_id, [point for point in points if point.step not in known[point.key]], params)
    client.set_terminated(run_id, run["status"])


def _steps(client: Any, run_id: str, key: str) -> set[int]:
    return {point.step for point in client.get_metric_history(run_id, key)}
