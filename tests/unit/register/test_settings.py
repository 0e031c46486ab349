"""What the settings of [register] refuse."""

import pytest
from pydantic import ValidationError

from pipeline_lib.register.settings import RegisterSettings

REFUSED = [
    "http://me:s3cret@mlflow:5000",
    "https://s3cret@mlflow.example",
    "https://s3cret:@mlflow.example",
    "http://me@mlflow:5000",
    "HTTPS://s3cret@mlflow.example",
    "http://mlflow:5000/?access_token=s3cret",
    "http://mlflow:5000/#api_key=s3cret",
    "postgresql://me:s3cret@db/mlflow",
    "postgresql+psycopg://me:s3%40cret@db/mlflow",
    "postgresql://db/mlflow?user=me&password=s3cret",
    "postgresql://db/mlflow?pass%77ord=s3cret",
    "postgresql://db/mlflow?sslpassword=s3cret",
    "mysql+pymysql://me@db/mlflow?passwd=s3cret",
    "mssql+pyodbc://?odbc_connect=DRIVER%3Dx%3BUID%3Dme%3BPWD%3Ds3cret",
    "postgresql://me:s3cret@[::1/mlflow",
    "https:/s3cret@mlflow.example",
    "https:s3cret@mlflow.example",
    "//s3cret@mlflow.example",
    "me:s3cret@mlflow:5000",
    "postgresql:me:s3cret@db/mlflow",
    "postgresql://me%3As3cret@db/mlflow",
    "mssql+pyodbc://?odbc_connect=PWD%253Ds3cret",
    "http://mlflow:5000/runs;token=s3cret/x",
    "http://mlflow:5000/;Password=s3cret",
    "http://mlflow:5000/?sv=2026&sig=s3cret",
    "http://mlflow:5000/?X-Amz-Signature=s3cret",
    "http://mlflow:5000/?jwt=s3cret",
    "http://mlflow:5000/?x_auth=s3cret",
    "http://mlflow:5000/?authorization=Bearer%20s3cret",
    "http://mlflow:5000/?api-token[]=s3cret",
    "http://mlflow:5000/?next=https%3A%2F%2Fme%3As3cret%40elsewhere%2F",
    "http://mlflow:5000/?next=https://elsewhere/?token%253Ds3cret",
]
TAKEN = [
    None,
    "http://mlflow:5000",
    "https://mlflow.example/prefix",
    "http://[::1]:5000",
    "postgresql://me@db/mlflow",
    "postgresql+psycopg2://mlflow@postgres/mlflow?sslmode=require",
    "postgresql://db/mlflow?user=me&passfile=/home/me/.pgpass",
    "sqlite:////home/me/mlflow.db",
    "sqlite:////home/m@e/a b/mlflow.db",
    "sqlite:////home/a:b@c/token=x/mlflow.db",
    "file:/home/a:b@c",
    "/home/a:b@c",
    "http://mlflow:5000/?author=me&authors=us&signal=x&design=y&next=http://elsewhere/",
    "http://mlflow:5000/a@b;v=1/x",
    "databricks://profile",
]


@pytest.mark.parametrize("uri", REFUSED)
def test_a_secret_in_the_address_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(ValidationError, match=r"holds a password.*MLFLOW_TRACKING_TOKEN.*PGPASSWORD") as caught:
        RegisterSettings(tracking_uri=uri)
    assert "s3" not in caught.value.errors(include_input=False)[0]["msg"]


@pytest.mark.parametrize("uri", TAKEN)
def test_addresses_without_one_are_taken(uri: str | None) -> None:
    assert RegisterSettings(tracking_uri=uri).tracking_uri == uri
