"""Curves that MLflow did not take in their night: kept, and sent when it answers again.

A training that was killed between its model and its curves has left them in its work folder; they are kept from there.
What MLflow has already is not sent again, step by step of each curve.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.model.tracking import RECEIVER, Place, Point, check_answers, connect, open_run, send
from pipeline_lib.store.outbox import Line, Outbox, Parcel


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
                is_sent = _sent(parcel, lines, place)
            except Exception:  # noqa: BLE001 - any failure of a client that wraps many transports: later, then
                parcel.put_back(lines)
                break
            if is_sent:
                parcel.done()
                number += 1
            else:
                parcel.put_back(lines)
    return number


def said(number: int) -> str:
    """What is told of so many trainings."""
    return f"sent the curves of {number} earlier training{'s' if number > 1 else ''} to MLflow"


def _sent(parcel: Parcel, lines: Iterable[Line], place: Place) -> bool:
    """Send one training; whether it belongs to this store."""
    heads = [line["run"] for line in lines if "run" in line]
    if not heads or heads[-1]["place"] != place.shown:
        return False
    run, client = heads[-1], connect(place)
    opened = open_run(client, place, experiment=run["experiment"], key=parcel.key, name=run["name"], tags=run["tags"])
    run_id = opened.info.run_id
    points = [Point(*values) for line in lines for values in line.get("points", [])]
    known = {key: _steps(client, run_id, key) for key in {point.key for point in points}}
    params = {name: value for line in lines for name, value in line.get("params", {}).items()}
    send(client, run_id, [point for point in points if point.step not in known[point.key]], params)
    client.set_terminated(run_id, run["status"])
    return True


def _steps(client: Any, run_id: str, key: str) -> set[int]:
    return {point.step for point in client.get_metric_history(run_id, key)}
