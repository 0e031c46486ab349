"""The auth string of a workspace, and the links that let one browser in."""

import os
import stat
from multiprocessing import Pool
from pathlib import Path
from pwd import struct_passwd

import pytest

from flows.access import (
    ENTER,
    LINK_HOURS,
    Codes,
    auth_string,
    directory_of_people,
    entry_link,
    mlflow_login,
    other_people,
)

AUTH = "nightshift:" + "s" * 43
URL = "http://127.0.0.1:4200"
HOUR = 3600.0
NOON = 500_000 * HOUR


def code_of(link: str) -> str:
    return link.removeprefix(f"{URL}{ENTER}#")


def test_the_auth_string_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    first = auth_string(tmp_path)
    path = tmp_path / "prefect" / "auth_string"
    assert first == auth_string(tmp_path) and len(first) > 40 and first.startswith("nightshift:")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["auth_string"]


def test_no_two_workspaces_share_one(tmp_path: Path) -> None:
    assert auth_string(tmp_path / "a") != auth_string(tmp_path / "b")


@pytest.mark.parametrize(
    "text", ["", "nightshift:short", "somebody:" + "s" * 43, "\udcff", "nightshift:\u00e9" + "s" * 43]
)
def test_what_is_no_auth_string_is_replaced_by_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prefect" / "auth_string"
    path.parent.mkdir()
    path.write_bytes(text.encode(errors="surrogateescape"))
    made = auth_string(tmp_path)
    assert made != text and made == auth_string(tmp_path) and made.startswith("nightshift:")


def test_one_that_others_could_read_is_theirs_no_longer(tmp_path: Path) -> None:
    auth_string(tmp_path)
    path = tmp_path / "prefect" / "auth_string"
    path.chmod(0o644)
    auth_string(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_processes_that_make_it_at_once_agree(tmp_path: Path) -> None:
    with Pool(4) as pool:
        assert len(set(pool.map(auth_string, [tmp_path] * 16))) == 1


def test_a_link_lets_one_browser_in() -> None:
    codes, code = Codes(AUTH), code_of(entry_link(URL, AUTH))
    assert codes.redeem(code) and not codes.redeem(code)


def test_each_link_is_another_and_each_is_good() -> None:
    codes, links = Codes(AUTH), [entry_link(URL, AUTH) for _ in range(3)]
    assert len(set(links)) == 3 and all(codes.redeem(code_of(link)) for link in links)


def test_a_link_fits_a_terminal_of_80_columns() -> None:
    assert len(f"Prefect  {entry_link('http://127.0.0.1:65535', AUTH)}") <= 80


def test_a_link_is_good_for_a_day_and_no_longer() -> None:
    code = code_of(entry_link(URL, AUTH, now=NOON))
    assert Codes(AUTH).redeem(code, now=NOON + LINK_HOURS * HOUR)
    assert not Codes(AUTH).redeem(code, now=NOON + (LINK_HOURS + 1) * HOUR)


def test_a_used_link_is_forgotten_when_it_would_have_ended() -> None:
    codes = Codes(AUTH)
    for day in range(3):
        now = NOON + day * 2 * LINK_HOURS * HOUR
        assert codes.redeem(code_of(entry_link(URL, AUTH, now=now)), now=now)
    assert len(codes.used) == 1


@pytest.mark.parametrize("place", range(0, 41, 4))
def test_a_changed_link_lets_nobody_in(place: int) -> None:
    code = code_of(entry_link(URL, AUTH, now=NOON))
    changed = code[:place] + ("x" if code[place] != "x" else "y") + code[place + 1 :]
    assert not Codes(AUTH).redeem(changed, now=NOON)


@pytest.mark.parametrize("code", ["", ".", "..", "no code", "\u4f60\u597d", "9" * 400, "1.2.3"])
def test_what_is_no_code_lets_nobody_in(code: str) -> None:
    assert not Codes(AUTH).redeem(code)


def test_a_link_of_another_workspace_lets_nobody_in() -> None:
    assert not Codes(AUTH).redeem(code_of(entry_link(URL, AUTH + "t")))


def person(name: str, uid: int, shell: str = "/bin/bash") -> struct_passwd:
    return struct_passwd((name, "x", uid, uid, "", f"/home/{name}", shell))


def test_other_people_are_those_who_can_log_in_here() -> None:
    accounts = [
        person("root", 0),
        person("postgres", 105),
        person("ann", 4001),
        person("bob", 4002, "/usr/bin/zsh"),
        person("ci", 4003, "/usr/sbin/nologin"),
        person("backup", 4004, "/bin/false"),
        person("nobody", 65534, "/bin/sh"),
        person("me", os.getuid()),
    ]
    assert other_people(accounts) == ["ann", "bob"]


@pytest.mark.parametrize(
    ("uid", "is_person"),
    [(999, False), (1000, True), (59_999, True), (60_001, True), (60_513, True), (61_184, False), (65_519, False),
     (65_534, False), (65_536, True), (200_001, True), (1_234_600_513, True)],
)  # fmt: skip
def test_people_of_a_directory_have_large_numbers(uid: int, is_person: bool) -> None:
    """systemd's own users (UIDS-GIDS) are 60001 to 60513; those it makes for one service, 61184 to 65519."""
    assert other_people([person("x", uid)]) == ["x"][:is_person]


@pytest.mark.parametrize(
    ("text", "directory"),
    [
        ("passwd: files systemd\n", ""),
        ("passwd:files systemd\n", ""),
        ("# passwd: sss\ngroup: files sss\npasswd:\tfiles  sss [NOTFOUND=return] systemd # by us\n", "sss"),
        ("passwd: compat winbind\n", "winbind"),
        ("passwd: files # ldap\n", ""),
        ("", ""),
    ],
)
def test_a_directory_of_people_is_told_by_the_name_service(tmp_path: Path, text: str, directory: str) -> None:
    path = tmp_path / "nsswitch.conf"
    path.write_text(text)
    assert directory_of_people(path) == directory


def test_a_machine_without_a_name_service_has_no_directory(tmp_path: Path) -> None:
    assert directory_of_people(tmp_path / "none") == ""


def test_the_password_of_mlflow_does_not_tell_the_auth_string(tmp_path: Path) -> None:
    user, password = mlflow_login(tmp_path).split(":")
    assert user == "nightshift" and len(password) == 22 and password not in auth_string(tmp_path)
    assert mlflow_login(tmp_path) == f"{user}:{password}" != mlflow_login(tmp_path / "other")
