"""What tests of the command line share."""

import pytest

from tests.shell import Shell
from tests.tiny_night import KEY


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command, with the key of the tests and a wide terminal."""
    monkeypatch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
    return Shell(capsys)
