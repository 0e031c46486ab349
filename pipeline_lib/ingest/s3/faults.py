"""What pyarrow's client of S3 says went wrong, as an error of ours.

It says it in words: "When listing ... in bucket 'b': AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation: ...". Of
these the code alone is shown: they also hold the bucket, the key of an object and the address. What asks for other
settings or keys is a `SettingsError`; all else (the network, a store that is busy or broken) may recover.
"""

import re

from pipeline_lib.base.errors import NightshiftError, SettingsError, UpstreamError

# The code of the client, that of the store where the client does not know it, the status of an answer without a body.
CODE = re.compile(r"AWS Error (\w+)|ExceptionName: (\w+)|HTTP status (-?\d+)")
DENIED = {"ACCESS_DENIED", "AllAccessDisabled", "401", "403"}
REFUSED = {
    *DENIED,
    *("INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "INVALID_CLIENT_TOKEN_ID", "UNRECOGNIZED_CLIENT"),
    *("MISSING_AUTHENTICATION_TOKEN", "INCOMPLETE_SIGNATURE", "REQUEST_EXPIRED", "OPT_IN_REQUIRED"),
    *("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidSecurity"),
}
REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301"}
NO_STORE = {"RESOURCE_NOT_FOUND", "404", "405", "501"}

ADVICE = {
    "NO_SUCH_BUCKET": "there is no such bucket. Correct its url, or its endpoint where the store is not AWS.",
    "REQUEST_TIME_TOO_SKEWED": "the clock of this machine is not that of the store. Set it and run again.",
    **dict.fromkeys(
        REFUSED,
        "it may not be read as this user. Look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or at the profile in "
        "AWS_PROFILE, and at the rights to list the bucket; set anonymous = true for a public one.",
    ),
    **dict.fromkeys(REGION, "the bucket lies in another region. Name it as its region."),
    **dict.fromkeys(NO_STORE, "what answers there is no store of S3. Correct its endpoint."),
}


class NotThere(Exception):
    """There is no such object."""


def codes_of(exc: OSError) -> list[str]:
    """What the client calls the fault, the most telling last."""
    if "configured region is" in str(exc):
        return ["PermanentRedirect"]
    return [next(filter(None, found.groups())) for found in CODE.finditer(str(exc))]


def fault_of(exc: OSError, source: str) -> NightshiftError | NotThere:
    """The error to raise for one of the client."""
    codes = codes_of(exc)
    if isinstance(exc, FileNotFoundError) or "NO_SUCH_KEY" in codes:
        return NotThere()
    for code in codes:
        if code in ADVICE:
            return SettingsError(f"ingest: source {source!r} cannot be asked ({code}): {ADVICE[code]}")
    return UpstreamError(
        f"ingest: the store of source {source!r} does not answer ({', '.join(codes) or type(exc).__name__}). Look at "
        "the network and at its endpoint, then run again: what was fetched is kept."
    )


def is_denied(exc: OSError) -> bool:
    """Whether it may be about one object alone."""
    return not DENIED.isdisjoint(codes_of(exc))
