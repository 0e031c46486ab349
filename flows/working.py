"""Whether a process that starts does something: one that hangs uses no processor, one on a busy machine some."""

import time

import psutil

LOOK_SECONDS = 1.0  # between two looks, each of which goes through all processes
LEAST_SECONDS = 0.02  # of a processor: what a stopped process seems to have used is rounding


class Working:
    """Watches what a supervisor has started."""

    def __init__(self, supervisor: int) -> None:
        self._supervisor, self._used = supervisor, 0.0
        self._looked_at = self._used_at = time.monotonic()

    def seconds_idle(self) -> float:
        """For how long it has used no processor."""
        now = time.monotonic()
        if now >= self._looked_at + LOOK_SECONDS:
            self._looked_at, used = now, self._processor_seconds()
            if used > self._used + LEAST_SECONDS:
                self._used, self._used_at = used, now
        return self._looked_at - self._used_at

    def _processor_seconds(self) -> float:
        """What it has used so far, the supervisor aside, which has nothing but its clock to look at."""
        try:
            process = psutil.Process(self._supervisor)
            times = [one.cpu_times() for one in process.children(recursive=True) or [process]]
        except psutil.Error:
            return 0.0
        return sum(spent.user + spent.system for spent in times)
