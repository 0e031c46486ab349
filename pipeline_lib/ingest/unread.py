"""What a container holds and nobody reads, counted by kind: a row each, with how many and an example."""

from collections.abc import Iterator

from pipeline_lib.ingest.records import PASSED_OVER, Bad

MOST_KINDS = 64  # that are told apart
MAX_KIND_CHARS = 40
OTHERS, ODD = f"{PASSED_OVER}other kinds", f"{PASSED_OVER}odd kind"


def passed_over(kind: str) -> str:
    """The reason for something of a kind that the input itself names; one that nobody could read is told as odd."""
    is_odd = not kind or len(kind) > MAX_KIND_CHARS or not (kind.isascii() and kind.isprintable())
    return ODD if is_odd else f"{PASSED_OVER}{kind}"


class Unread:
    """What was not read, by the reason: how many, and the first by name as an example."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def add(self, reason: str, name: str = "") -> None:
        """Count one; without a name where names are no matter, or nobody's business."""
        is_known = reason in self._found or len(self._found) < MOST_KINDS or not reason.startswith(PASSED_OVER)
        kind = reason if is_known else OTHERS
        num_found, example = self._found.get(kind, (0, name))
        self._found[kind] = num_found + 1, min(example, name)

    def rows(self) -> Iterator[Bad]:
        """A row for each reason."""
        for reason, (num_found, example) in self._found.items():
            told = [f"{num_found:,} of them"] if num_found > 1 or not example else []
            told += [f"as {example}" if told else example] if example else []
            yield Bad(None, reason, num_found, ", ".join(told))
