"""Who may talk to the Prefect server of a workspace: whoever can read its auth string, and a browser with a link of it.

Prefect's own protection is one string, asked for with each request (HTTP basic authentication). Its UI keeps that
string in the browser's local storage, where only a page of the same origin can put it. So the server has a page of
ours (`flows/doors.py`), and a link to it carries a code behind the `#`, which browsers send nowhere:

    http://127.0.0.1:4200/enter#<hour it ends>.<random>.<HMAC-SHA-256 of both under the auth string, 128 bits of it>

A code is good for one browser. Any process that can read the auth string makes links; the server remembers those that
were used.
Light to import: no Prefect.
"""

import base64
import hmac
import os
import pwd
import secrets
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from pwd import struct_passwd

from pipeline_lib.store.files import OWNER_ONLY, make_private
from pipeline_lib.store.records import make_room

ENTER = "/enter"
HOSTS_VARIABLE = "NIGHTSHIFT_PREFECT_HOSTS"  # further names a server answers to: "prefect.example:4200,prefect:4200"
HOUR_SECONDS = 3600
LINK_HOURS = 24
SEAL_BYTES = 16
RANDOM_BYTES = 32
USER = "nightshift"
FIRST_PERSON = 501 if sys.platform == "darwin" else 1000  # below are the accounts of services
# Of systemd's users made for one service, and of nobody (systemd's UIDS-GIDS); people of a directory have any other.
NO_PEOPLE = range(61_184, 65_536)
# Modules of the name service that know people who need not be in any list (nsswitch.conf): those of a directory.
DIRECTORIES = {"sss", "ldap", "winbind", "nis", "nisplus", "hesiod", "vas", "centrifydc", "lsass", "oslogin"}
NAME_SERVICE = Path("/etc/nsswitch.conf")


def auth_string(workspace: Path) -> str:
    """The auth string of the workspace's Prefect server, `user:password`; made when there is none.

    It lies in a file of its own that only its owner can read. Whoever has it can run commands as that owner: Prefect
    lets its clients say where a flow's code comes from.
    """
    path = workspace / "prefect" / "auth_string"
    make_room(path)
    if path.exists() and not _read(path):
        path.unlink()  # empty, or damaged
    make_private(path, f"{USER}:{secrets.token_urlsafe(RANDOM_BYTES)}\n")
    return _read(path)


def basic(auth: str) -> dict[str, str]:
    """The header of HTTP basic authentication for `user:password`; none for ""."""
    return {"authorization": f"Basic {base64.b64encode(auth.encode()).decode()}"} if auth else {}


def mlflow_login(workspace: Path) -> str:
    """`user:password` of MLflow's pages, where they ask: made of the auth string, and does not tell it."""
    return f"{USER}:{_seal('mlflow', auth_string(workspace))}"


def other_people(accounts: Iterable[struct_passwd] | None = None) -> list[str]:
    """The names of other accounts on this machine that a person can log in to."""
    found = pwd.getpwall() if accounts is None else accounts
    return sorted(
        account.pw_name
        for account in found
        if account.pw_uid >= FIRST_PERSON
        and account.pw_uid not in NO_PEOPLE
        and account.pw_uid != os.getuid()
        and not account.pw_shell.endswith(("nologin", "false"))
    )


def directory_of_people(name_service: Path = NAME_SERVICE) -> str:
    """The directory by whose accounts people can log in here, as the name service calls it; "" where there is none.

    Its accounts are often in no list: such a directory counts as other people by itself.
    """
    try:
        text = name_service.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = (line.partition("#")[0].partition(":") for line in text.splitlines())
    asked = [word for name, _, modules in lines if name.strip() == "passwd" for word in modules.split()]
    return next((word for word in asked if word in DIRECTORIES), "")


def entry_link(prefect_url: str, auth: str, *, now: float | None = None) -> str:
    """A link that lets one browser in: within a day, once."""
    ends = _hour(now) + LINK_HOURS
    stem = f"{ends}.{secrets.token_urlsafe(8)}"
    return f"{prefect_url}{ENTER}#{stem}.{_seal(stem, auth)}"


@dataclass
class Codes:
    """Which codes of a server have been used; the others are told by their seal."""

    auth: str
    used: dict[str, int] = field(default_factory=dict)  # when they would have ended, in hours since 1970

    def redeem(self, code: str, *, now: float | None = None) -> bool:
        """Whether it lets somebody in now; from then on it does not."""
        hour = _hour(now)
        stem, _, seal = code.rpartition(".")
        if not hmac.compare_digest(seal.encode(), _seal(stem, self.auth).encode()):
            return False
        ends = int(stem.split(".", 1)[0])  # it is ours, so it is a number
        if ends < hour or stem in self.used:
            return False
        self.used = {old: end for old, end in self.used.items() if end >= hour} | {stem: ends}
        return True


def _seal(stem: str, auth: str) -> str:
    digest = hmac.new(auth.encode(), stem.encode(), "sha256").digest()
    return base64.urlsafe_b64encode(digest[:SEAL_BYTES]).decode().rstrip("=")


def _hour(now: float | None) -> int:
    return int((time.time() if now is None else now) // HOUR_SECONDS)


def _read(path: Path) -> str:
    """What lies there, "" where that is no auth string; from then on only its owner can read it."""
    try:
        path.chmod(OWNER_ONLY)
        user, _, password = path.read_text(encoding="ascii").strip().partition(":")
    except (OSError, ValueError):
        return ""
    return f"{user}:{password}" if user == USER and len(password) >= RANDOM_BYTES else ""
