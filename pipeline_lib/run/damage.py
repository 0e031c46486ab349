"""Damage that is met on the way. Each thing is made again, however many there are; one that is damaged again and again
is the disk's doing, and ends the work.
"""

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.local import Store

Planned = TypeVar("Planned")
MOST_AGAIN = 2  # times that one thing may turn out damaged


class Damages:
    """What has turned out damaged so far."""

    def __init__(self) -> None:
        self._met: Counter[tuple[str, str]] = Counter()

    def meet(self, exc: DamagedArtifact) -> None:
        """One more. Raises it where it does not say what is damaged, or that was made again in vain."""
        if not exc.fingerprint:
            raise exc
        name = (exc.stage, exc.fingerprint)
        self._met[name] += 1
        if self._met[name] > MOST_AGAIN:
            raise DamagedArtifact(
                f"{exc.stage}/{exc.fingerprint} is damaged again, though it was just made. Check the disk, run again."
            ) from exc


def despite_damage(plan: Callable[[], Planned], store: Store) -> Planned:
    """A plan. What it finds damaged while it is made is not there: laid out again, it is among what is to be made."""
    while True:
        try:
            return plan()
        except DamagedArtifact as exc:
            if not exc.stage or store.is_present(Ref(exc.stage, exc.fingerprint)):
                raise  # it would be met again
