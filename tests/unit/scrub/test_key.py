"""Where the key comes from, and which keys are refused."""

import base64
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.scrub.key import KEY_FILE_VARIABLE, KEY_VARIABLE, ScrubKey, demo_key_path, find_key, hand_on, load_key

SECRET = bytes(range(100, 132))


@pytest.mark.parametrize(
    "text", [SECRET.hex(), SECRET.hex().upper(), base64.b64encode(SECRET).decode(), f" {SECRET.hex()}\n"]
)
def test_the_environment_gives_the_key_in_hex_or_base64(text: str) -> None:
    assert load_key({KEY_VARIABLE: text}, None, None) == ScrubKey(SECRET)


def test_url_safe_base64_is_understood() -> None:
    secret = bytes([251, 255, 254]) * 2 + bytes(range(40))
    assert load_key({KEY_VARIABLE: base64.urlsafe_b64encode(secret).decode()}, None, None).secret == secret


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SECRET.hex()[:62], "at least 32 bytes"),
        ("correct horse battery staple", "at least 32 bytes"),
        ("密钥" * 40, "at least 32 bytes"),
        ("0" * 64, "not random"),
        ("0123456789abcdef" * 4, "not random"),
    ],
)
def test_a_weak_key_is_refused_and_not_shown(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        load_key({KEY_VARIABLE: text}, None, None)
    assert text not in str(caught.value)
    assert "openssl rand -hex 32" in str(caught.value)


def test_without_a_key_the_run_stops_and_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match=f"Set {KEY_VARIABLE} to 32 random bytes in hex or base64"):
        load_key({}, None, None)


def test_a_private_key_file_gives_the_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(SECRET.hex() + "\n")
    path.chmod(0o600)
    assert load_key({}, path, None).secret == SECRET


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_text(SECRET.hex())
    path.chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        load_key({}, path, None)


def test_a_missing_key_file_is_no_reason_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_key({}, tmp_path / "key", tmp_path / "demo.key")
    assert not (tmp_path / "demo.key").exists()


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    assert load_key({KEY_VARIABLE: SECRET.hex()}, tmp_path / "missing", None).secret == SECRET


def test_the_demo_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "demo.key"
    first = load_key({}, None, path)
    assert load_key({}, None, path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["demo.key"]


def test_two_demo_keys_differ(tmp_path: Path) -> None:
    assert load_key({}, None, tmp_path / "a").secret != load_key({}, None, tmp_path / "b").secret


def test_a_key_does_not_show_itself_and_is_not_pickled() -> None:
    key = ScrubKey(SECRET)
    assert SECRET.hex() not in repr(key) and repr(SECRET) not in repr(key)
    with pytest.raises(TypeError, match="hand on its id") as caught:
        pickle.dumps({"key": key})
    assert repr(SECRET) not in str(caught.value)


def written(path: Path, secret: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(secret.hex())
    path.chmod(0o600)
    return path


def test_where_the_work_is_done_the_key_is_found_by_its_id_wherever_it_lies(tmp_path: Path) -> None:
    keys = [ScrubKey(bytes(range(start, start + 32))) for start in (0, 50, 100)]
    named = written(tmp_path / "named", keys[1].secret)
    written(demo_key_path(tmp_path), keys[2].secret)
    environment = {KEY_VARIABLE: keys[0].secret.hex(), KEY_FILE_VARIABLE: str(named)}
    assert [find_key(key.key_id, environment, tmp_path) for key in keys] == keys


def test_a_key_that_is_not_at_hand_stops_the_work_and_another_one_is_not_taken(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"the key 86517456, .* is not at hand. Set {KEY_VARIABLE} or") as caught:
        find_key("86517456", {KEY_VARIABLE: SECRET.hex()}, tmp_path)
    assert SECRET.hex() not in str(caught.value)
    assert not demo_key_path(tmp_path).exists()


def test_a_named_key_file_that_others_can_read_is_refused_where_the_work_is_done(tmp_path: Path) -> None:
    path = written(tmp_path / "named", SECRET)
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        find_key(ScrubKey(SECRET).key_id, {KEY_FILE_VARIABLE: str(path)}, tmp_path)


def test_the_key_id_names_the_key() -> None:
    # printf 'key id' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102...1e1f
    assert ScrubKey(SECRET).key_id != ScrubKey(bytes(range(32))).key_id
    assert ScrubKey(bytes(range(32))).key_id == "86517456"


HANDED_ON = """
import os, subprocess, sys
sys.platform = sys.argv[1]
from pipeline_lib.scrub.key import hand_on
hand_on(os.environ)
print(os.environ["NIGHTSHIFT_SCRUB_KEY_FILE"], flush=True)
subprocess.run([sys.executable, "-c", sys.argv[2]], check=True)
"""
IN_A_CHILD = """
import os
from pathlib import Path
from pipeline_lib.scrub.key import load_key
path = Path(os.environ["NIGHTSHIFT_SCRUB_KEY_FILE"])
print(load_key(os.environ, path, None).key_id, "NIGHTSHIFT_SCRUB_KEY" in os.environ, oct(path.stat().st_mode)[-3:])
"""


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_key_is_handed_on_in_a_file_that_ends_with_the_process(tmp_path: Path, platform: str) -> None:
    """And not in the environment. (Where no file can lie in memory, it lies on the disk until the end.)"""
    env = {**os.environ, KEY_VARIABLE: SECRET.hex(), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", HANDED_ON, platform, IN_A_CHILD]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    name, told = done.stdout.splitlines()
    assert told == f"{ScrubKey(SECRET).key_id} False 600"
    assert not Path(name).exists() and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("environment", [{}, {KEY_VARIABLE: "short"}, {KEY_FILE_VARIABLE: "mine"}])
def test_where_there_is_no_key_nothing_is_handed_on(environment: dict[str, str]) -> None:
    before = dict(environment)
    hand_on(environment)
    assert environment == before
