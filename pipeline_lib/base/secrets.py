"""Addresses without secrets: settings are kept in manifests, in MLflow and in Prefect, and shown in many places."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

# The name of a secret: alone, as a part of a longer one (sslpassword, motherduck_token, awsSecretAccessKey), and within
# ?odbc_connect=...;PWD=... What names a file in which a secret lies (passfile, credentials_path) is none.
_NAMED = re.compile(
    r"(pass(?!file)|pwd|secret|token|credential|(api|auth|private|access|account|shared)[_ -]?key)"
    r"(?!\w*(file|path)\s*=)\w*\s*=",
    re.IGNORECASE,
)
_WEB = ("http", "https")


def names_a_secret(query: Iterable[tuple[str, object]]) -> bool:
    """Whether one of these keys, or a key inside of a value, is the name of a secret."""
    return any(_NAMED.search(f"{key}={value}") for key, value in query)


def has_secret(address: str) -> bool:
    """Whether an address carries a password, a secret in its query, or (on the web, where it may be a token) a user."""
    try:
        parts = urlsplit(address)
    except ValueError:  # no address, so nothing is known of what it carries
        return "@" in address or _NAMED.search(address) is not None
    user, is_named, _ = parts.netloc.rpartition("@")
    return bool(
        (":" in user)
        or (is_named and parts.scheme.lower().partition("+")[0] in _WEB)
        or names_a_secret(parse_qsl(parts.query, keep_blank_values=True))
        or names_a_secret(parse_qsl(parts.fragment, keep_blank_values=True))
    )
