"""Settings of a stage: views of them that go to worker processes."""

import pickle
from typing import Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from pipeline_lib.base.settings import StageSettings, neutral, operational, read_where


class Bands(StageSettings):
    """Two fields that must fit together."""

    bands: int = 20
    rows: int = Field(default=6, ge=1)
    longest: float | None = 3.0
    threads: int = Field(default=2, json_schema_extra=operational())

    @model_validator(mode="after")
    def _fit(self) -> "Bands":
        if self.bands * self.rows > 120:
            raise ValueError("bands x rows is more than 120")
        return self


@pytest.mark.parametrize("fields", [("rows",), ("bands", "longest"), tuple(Bands.model_fields)])
def test_a_view_comes_out_of_a_pickle_as_it_went_in(fields: tuple[str, ...]) -> None:
    """Also one whose shown fields do not fit the defaults of those that it does not show."""
    view = Bands(bands=5, rows=24, longest=None, threads=7).only(fields)
    again = pickle.loads(pickle.dumps(view))
    assert again.__dict__ == view.__dict__
    assert again.threads == 7
    for name in Bands.model_fields.keys() - set(fields) - {"threads"}:
        with pytest.raises(AttributeError):
            getattr(again, name)


def test_what_does_not_fit_together_is_refused_as_a_whole() -> None:
    with pytest.raises(ValidationError, match="more than 120"):
        Bands(rows=24)


class Chosen(StageSettings):
    """A field that one method reads since the first release, and one that came later."""

    method: Literal["one", "other"] = "one"
    seed: int = Field(default=1, json_schema_extra=read_where("method", "other"))
    later: int = Field(default=1, json_schema_extra=neutral(1) | read_where("method", "other"))


def test_what_the_choice_does_not_read_counts_as_its_default_also_where_that_is_neutral() -> None:
    assert Chosen(seed=5, later=5).decisive() == Chosen().decisive() == {"method": "one", "seed": 1}
    assert Chosen(method="other", later=1).decisive() == {"method": "other", "seed": 1}
    assert Chosen(method="other", seed=5, later=5).decisive() == {"method": "other", "seed": 5, "later": 5}
