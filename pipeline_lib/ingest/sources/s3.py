"""`s3`: the objects below a prefix of a bucket, of any store that speaks the protocol of S3.

They land first (objects/landing.py), and what landed is read as files of a folder are. An object is fetched when its
size or the time of its last change is another one than before: each write gives an object a new time. Keys are never in
the settings: they come from the environment or from a profile of the AWS tools.
"""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from pipeline_lib.base.secrets import has_secret
from pipeline_lib.base.settings import operational
from pipeline_lib.ingest.mapped import MappedSource
from pipeline_lib.ingest.records import FileSource, Slug
from pipeline_lib.store.artifact import Outcome, digest_of
from pipeline_lib.store.forgotten import Refused

BUCKET = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,253}(/.*)?", re.DOTALL)
KEYS = (
    "Take out what is a user, a password or a key: put keys into the environment variables AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or name a profile in AWS_PROFILE"
)


class S3Source(MappedSource):
    """The objects below a prefix of a bucket: files in all formats that `files` reads."""

    kind: Literal["s3"] = "s3"
    name: Slug = Field(description="Name of the source: enters document ids, so renaming it makes all documents new.")
    url: str = Field(
        description="s3://bucket/prefix, a folder or one object, without a key.", json_schema_extra=operational()
    )
    endpoint: str | None = Field(
        default=None,
        description='Where a store that is not AWS answers: "https://minio.intern:9000"; none: AWS, or what '
        "AWS_ENDPOINT_URL says.",
        json_schema_extra=operational(),
    )
    region: str | None = Field(
        default=None,
        min_length=1,
        description="Region of the bucket; none: as the environment or the profile says.",
        json_schema_extra=operational(),
    )
    anonymous: bool = Field(
        default=False, description="Ask without keys, as of a public bucket.", json_schema_extra=operational()
    )
    max_connections: int = Field(
        default=8,
        ge=1,
        le=64,
        description="So many objects are fetched at a time.",
        json_schema_extra=operational(unit="connections"),
    )
    timeout_seconds: float = Field(
        default=60.0,
        gt=0,
        le=600,
        description="A connection that says nothing for so long is given up, and tried again.",
        json_schema_extra=operational(unit="seconds"),
    )

    @field_validator("url")
    @classmethod
    def _is_a_bucket(cls, given: str) -> str:
        if "@" in given.removeprefix("s3://").partition("/")[0] or has_secret(given):
            raise ValueError(f"this address carries more than a bucket, perhaps a password or a key. {KEYS}")
        if not BUCKET.fullmatch(given):
            raise ValueError("this is no address of a bucket. Write s3://bucket/prefix, without a password")
        return given

    @field_validator("endpoint")
    @classmethod
    def _is_an_endpoint(cls, given: str | None) -> str | None:
        if given is None:
            return None
        try:
            parts = urlsplit(given)
            is_host = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_host = False
        if not is_host or parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError(f"an endpoint is a host and no more, without a password: https://host:port. {KEYS}")
        return given

    def land(self, before: Path | None, places: Path, folder: Path, max_gone_share: float, refused: Refused) -> Outcome:
        """Fetch the objects that are new or changed since the landing before."""
        from pipeline_lib.ingest.objects.fetching import Asked
        from pipeline_lib.ingest.objects.landing import land_objects
        from pipeline_lib.ingest.places import kept_beside
        from pipeline_lib.ingest.s3.bucket import Bucket

        asks = digest_of([self.url, self.endpoint])
        work = kept_beside(places)
        asked = Asked(self.name, asks, self.why_not, self.max_connections, before, work, folder, refused)
        return land_objects(Bucket(self), asked, max_gone_share)

    def landed(self, landing: Path) -> FileSource:
        """The objects of a landing."""
        from pipeline_lib.ingest.objects.landed import LandedObjects

        return LandedObjects(landing, self.read)
