"""Secrets come from the environment and go into headers. Addresses have none: settings are shown in many places.

They are kept in manifests, in MLflow and in Prefect.
"""

import os
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pipeline_lib.base.errors import SettingsError

# The name of a secret: alone, as a part of a longer one (sslpassword, motherduck_token, awsSecretAccessKey), and within
# ?odbc_connect=...;PWD=... What names a file in which a secret lies (passfile, credentials_path) is none. Signatures of
# addresses (S3's, Azure's) let in whoever has one. Some names are those of secrets as whole words alone (not: author).
_NAMED = re.compile(
    r"(pass(?!file)|pwd|secret|token|credential|signature|(api|auth|private|access|account|shared)[_ -]?key"
    r"|(?<![^\W_])(auth|authorization|bearer|jwt|pw|sas|sig)(?![^\W_]))"
    r"(?!\w*(file|path)\s*=)[\w\[\]]*\s*=",
    re.IGNORECASE,
)
_HEADER = re.compile(r"[!-~]*")  # what a token of a header may be: printable ASCII, no blanks (RFC 9110)
_WEB = ("http", "https")
_FILES = ("", "file", "sqlite")  # schemes of addresses that may be a path alone, in which any sign may stand


def names_a_secret(query: Iterable[tuple[str, object]]) -> bool:
    """Whether one of these keys, or a key inside of a value, is the name of a secret."""
    return any(_NAMED.search(unquote(f"{key}={value}")) for key, value in query)


def has_secret(address: str) -> bool:
    """Whether an address carries a password, a secret in its path, query or fragment, or (on the web, where it may be a
    token) a user; or another address that does."""
    try:
        parts = urlsplit(address)
    except ValueError:  # no address, so nothing is known of what it carries
        return "@" in address or _NAMED.search(address) is not None
    pairs = [pair for part in (parts.query, parts.fragment) for pair in parse_qsl(part, keep_blank_values=True)]
    return (
        _is_with_user(parts)
        or names_a_secret([*pairs, *_of_path(parts.path)])
        or any("://" in value and has_secret(value) for _, value in pairs)
    )


def _is_with_user(parts: SplitResult) -> bool:
    scheme, (user, is_named, _) = parts.scheme.partition("+")[0], parts.netloc.rpartition("@")
    if not parts.netloc and scheme not in _FILES:  # with a slash too few: what should be the user stands in the path
        return "@" in parts.path
    return ":" in unquote(user) or bool(is_named and scheme in ("", *_WEB))


def _of_path(path: str) -> list[tuple[str, str]]:
    """The parameters in a path (RFC 3986, section 3.3), as in /models;token=..."""
    found = (one.partition("=") for segment in path.split("/") for one in segment.split(";")[1:])
    return [(name, value) for name, _, value in found]


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
