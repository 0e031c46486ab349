"""Secrets come from the environment and go into headers. Addresses have none: settings are shown in many places.

They are kept in manifests, in MLflow and in Prefect.
"""

import os
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from pipeline_lib.base.errors import SettingsError

# The name of a secret: alone, as a part of a longer one (sslpassword, motherduck_token, awsSecretAccessKey), and within
# ?odbc_connect=...;PWD=... What names a file in which a secret lies (passfile, credentials_path) is none.
_NAMED = re.compile(
    r"(pass(?!file)|pwd|secret|token|credential|(api|auth|private|access|account|shared)[_ -]?key)"
    r"(?!\w*(file|path)\s*=)\w*\s*=",
    re.IGNORECASE,
)
_HEADER = re.compile(r"[!-~]*")  # what a token of a header may be: printable ASCII, no blanks (RFC 9110)
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


def secret_in(variable: str, source: str) -> str:
    """What an environment variable holds for a source, without the line end that files of secrets have; "" for nothing.

    Raises `SettingsError` where no header can carry it: libraries would, with the secret in their message.
    """
    secret = os.environ.get(variable, "").strip()
    if not _HEADER.fullmatch(secret):
        raise SettingsError(
            f"ingest: what the environment variable {variable} holds for source {source!r} is no key: there are "
            "blanks, line ends or other than ASCII signs in it. Set it to the key alone and run again."
        )
    return secret
