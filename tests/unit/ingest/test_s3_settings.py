"""What the settings of a bucket take and refuse."""

import json

import pytest
from pydantic import ValidationError

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.ingest.s3.faults import fault_of
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources.s3 import S3Source
from pipeline_lib.stages import resolve


def source(**fields: object) -> S3Source:
    given = {"kind": "s3", "name": "docs", "url": "s3://texts/docs", **fields}
    (made,) = IngestSettings.model_validate({"sources": [given]}).sources
    assert isinstance(made, S3Source)
    return made


@pytest.mark.parametrize(
    "url", ["s3://texts", "s3://texts/", "s3://my.texts-2/a b/夜?#%", "s3://texts/user@host/x.txt"]
)
def test_an_address_is_a_bucket_and_a_prefix(url: str) -> None:
    assert source(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA123:s3cret@texts/docs",
        "s3://AKIA123@texts/docs",
        "s3://texts/docs?access_key=AKIA123&secret_key=s3cret",
        "s3://texts/docs?aws_secret_access_key=s3cret",
        "s3://texts/docs?session_token=s3cret",
    ],
)
def test_keys_in_an_address_are_refused_with_the_variables_to_use(url: str) -> None:
    with pytest.raises(ValidationError, match=r"AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.*AWS_PROFILE"):
        source(url=url)


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "s3", "url": "s3://AKIA123:s3cret@texts/docs"},
        {"kind": "s3", "url": "s3//AKIA123:s3cret@texts/docs"},
        {"kind": "s3", "url": "s3://texts", "endpoint": "https://user:s3cret@s3.example.org"},
        {
            "kind": "synthetic",
            "endpoint": "https://user:s3cret@host/v1",
            "model": "m",
            "seeds": "x",
            "prompt": "{seed}",
        },
    ],
)
def test_a_refused_address_is_not_shown(fields: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as refused:
        resolve(None, {}, [("ingest.sources", json.dumps([{"name": "docs", **fields}]))])
    assert "s3cret" not in str(refused.value) and "AKIA123" not in str(refused.value)


@pytest.mark.parametrize("url", ["", "texts/docs", "https://texts.s3.amazonaws.com/docs", "s3:/texts", "s3:///docs"])
def test_what_is_no_address_of_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="Write s3://bucket/prefix"):
        source(url=url)


@pytest.mark.parametrize("endpoint", ["https://s3.example.org", "http://127.0.0.1:9000/", "http://[::1]:9000"])
def test_an_endpoint_is_a_host(endpoint: str) -> None:
    assert source(endpoint=endpoint).endpoint == endpoint


@pytest.mark.parametrize(
    "endpoint",
    [
        "s3.example.org",
        "ftp://s3.example.org",
        "https://user:s3cret@s3.example.org",
        "https://user@s3.example.org",
        "https://s3.example.org/bucket",
        "https://s3.example.org?token=s3cret",
        "https://",
        "https://host:port",
    ],
)
def test_an_endpoint_that_is_more_than_a_host_is_refused(endpoint: str) -> None:
    with pytest.raises(ValidationError, match=r"https://host:port.*AWS_PROFILE"):
        source(endpoint=endpoint)


def test_where_a_bucket_lies_decides_nothing_of_how_it_is_read() -> None:
    other = source(
        url="s3://other",
        endpoint="https://s3.example.org",
        region="x",
        anonymous=True,
        include=["a"],
        max_connections=1,
    )
    assert other.decisive() == source().decisive()
    assert source(text_field="body").decisive() != source().decisive()


def test_a_message_holds_no_words_of_the_client() -> None:
    said = "When listing objects under key 'who/is' in bucket 'texts': AWS Error SLOW_DOWN during X: https://u:p@host"
    assert not any(word in str(fault_of(OSError(said), "docs")) for word in ("who", "texts", "host", "u:p"))
