"""About how long a trial takes: from how long works of the same makers took in the nights of this workspace."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice
from statistics import mean

from pipeline_lib.evaluate.stage import SCORES
from pipeline_lib.run.maker import Work
from pipeline_lib.run.step import manifest_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Manifest, Ref
from pipeline_lib.store.local import Store
from pipeline_lib.train.settings import TrainSettings
from pipeline_lib.train.stage import TRAIN

SAMPLE = 32  # works of a maker that are looked at
SIZE = ("hidden_size", "num_layers", "intermediate_size", "context_tokens", "batch_rows")


def seconds_of_works(todo: Iterable[Work], known: Iterable[Ref], store: Store) -> float | None:
    """Of one worker; `known`: works that nights have made. None where these tell nothing of one of the makers."""
    took = _mean_seconds(known, store)
    found = [took.get(work.maker.name, 0.0 if work.maker.is_light else None) for work in todo]
    times = [seconds for seconds in found if seconds is not None]
    return sum(times) if len(times) == len(found) else None


def _mean_seconds(known: Iterable[Ref], store: Store) -> Mapping[str, float]:
    counts, seconds = defaultdict[str, int](int), defaultdict[str, list[float]](list)
    for ref in known:
        counts[ref.stage] += 1
        if counts[ref.stage] <= 8 * SAMPLE and (found := manifest_of(store, ref)) is not None:
            seconds[found.maker].append(found.seconds)
    return {maker: mean(islice(own, SAMPLE)) for maker, own in seconds.items()}


def seconds_of_training(settings: Settings, num_steps: int, store: Store) -> float | None:
    """Of one training and its scores; None where no night has trained a model of this size."""
    own = settings.of(TrainSettings)
    sizes = {name: getattr(own, name) for name in SIZE}
    alike = [one for one in store.list(TRAIN.name) if {name: one.settings.get(name) for name in SIZE} == sizes]
    newest = max(alike, key=lambda one: one.created, default=None)
    scores = max(store.list(SCORES.name), key=lambda one: one.created, default=None)
    if newest is None or not newest.facts.get("num_steps"):
        return None
    return _seconds(newest) / int(newest.facts["num_steps"]) * num_steps + (0.0 if scores is None else _seconds(scores))


def _seconds(found: Manifest) -> float:
    return found.seconds
