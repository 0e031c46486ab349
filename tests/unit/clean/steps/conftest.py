"""A way to let a text go through steps by name."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from pipeline_lib.clean import steps
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.steps.apply import changed_texts
from pipeline_lib.clean.steps.counts import Counts

Through = Callable[..., str]


def all_off_but(*names: str) -> dict[str, bool]:
    """What `clean.steps` says so that no other step is on."""
    return {step.name: step.name in names for step in steps.STEPS}


def went(texts: list[str], *names: str, **settings: Any) -> tuple[list[str], Counts]:
    """The texts behind these steps and no others, and what they counted."""
    own = CleanSettings(steps=all_off_but(*names), **settings)
    after, counts = changed_texts(own, pa.array(texts, pa.large_string()))
    return after.to_pylist(), counts


@pytest.fixture
def through() -> Through:
    """through(text, "invisible.v1", **settings): the text behind a step."""

    def run(text: str, *names: str, **settings: Any) -> str:
        return went([text], *names, **settings)[0][0]

    return run
