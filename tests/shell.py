"""The command line called in this process, and what it said."""

from dataclasses import dataclass

import pytest

from flows.cli import main


@dataclass(frozen=True)
class Said:
    """What a call wrote, and its exit status."""

    status: int
    out: str
    err: str


class Shell:
    """Calls the command in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> Said:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(list(words))
        out, err = self._capsys.readouterr()
        return Said(int(left.value.code or 0), out, err)
