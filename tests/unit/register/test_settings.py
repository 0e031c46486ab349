"""What the settings of [register] refuse."""

import pytest
from pydantic import ValidationError

from pipeline_lib.register.settings import RegisterSettings


@pytest.mark.parametrize("uri", ["http://me:secret@mlflow:5000", "postgresql://me:secret@db/mlflow"])
def test_a_password_in_the_address_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(ValidationError, match="holds a password") as caught:
        RegisterSettings(tracking_uri=uri)
    assert "secret" not in caught.value.errors(include_input=False)[0]["msg"]


@pytest.mark.parametrize("uri", [None, "http://mlflow:5000", "postgresql://me@db/mlflow", "sqlite:////tmp/mlflow.db"])
def test_addresses_without_one_are_taken(uri: str | None) -> None:
    assert RegisterSettings(tracking_uri=uri).tracking_uri == uri
