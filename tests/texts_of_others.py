"""Text sets that belong to others: they are read where they lie beside the repository, and are no part of it."""

from pathlib import Path

import pytest

DATA = Path(__file__).parents[2] / "shared" / "data"


def needs_texts_of_others(instead: str) -> pytest.MarkDecorator:
    """Skips a test on a machine without these sets. `instead`: what holds the same promise there."""
    why = (
        f"needs text sets that may not be committed (CC BY-SA, ODC-BY, MIT, or megabytes large), which are read from "
        f"{DATA} and are not there; on every machine {instead}"
    )
    return pytest.mark.skipif(not DATA.is_dir(), reason=why)
