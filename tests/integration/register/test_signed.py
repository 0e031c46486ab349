"""Models are signed: what is changed, foreign or unsigned is not put into service, in a real MLflow store."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pipeline_lib.base.errors import DamagedVersion, DataError, SettingsError, Untrusted
from pipeline_lib.model.tracking import connect, place_of
from pipeline_lib.register.keys import PRIVATE_FILE, PUBLIC_FILE, own_key, own_public
from pipeline_lib.register.ledger import moves_of
from pipeline_lib.register.opened import opened, opened_champion
from pipeline_lib.register.package import APART, files_of
from pipeline_lib.register.promotion import promote, rollback
from pipeline_lib.register.registry import (
    CHAMPION,
    FILES_TAG,
    FINGERPRINT_TAG,
    KEY_TAG,
    VARIANTS_TAG,
    Registry,
    version_by_number,
)
from pipeline_lib.register.settle import settle
from pipeline_lib.register.signature import KEY_FILE, SIGNATURE_FILE, Statement, public_of, sign
from pipeline_lib.register.signings import FILE as SIGNINGS
from pipeline_lib.register.signings import signings
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.files import write_json
from pipeline_lib.store.local import Store
from tests.flips import flip
from tests.integration.register.conftest import NOW
from tests.registered import assert_agree, by_hand, chain, shelve, standing
from tests.registered import files_of as folder_of


def put_in_service(registry: Registry, number: int, *, unsigned: int | None = None) -> None:
    promote(registry, number, expected_champion="anybody", reason="", now=NOW, unsigned=unsigned)


@pytest.fixture(scope="package")
def signed(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """Two versions of a workspace of its own; tests leave them as they are."""
    home = tmp_path_factory.mktemp("signed")
    registry = Registry(place_of(None, workspace), "signed", home / "state" / "promotions", home)
    for number in (1, 2):
        shelve(registry, f"signed-{number}")
    put_in_service(registry, 1)
    return registry


@pytest.fixture
def mine(signed: Registry, tmp_path: Path, unsaid: None) -> Registry:
    """The same versions with keys and records of its own, which a test may lose."""
    home = tmp_path / "home"
    shutil.copytree(signed.workspace, home)
    by_hand(signed, CHAMPION, 1)
    return replace(signed, folder=home / "state" / "promotions", workspace=home)


@contextmanager
def with_files(registry: Registry, number: int = 2) -> Iterator[Path]:
    """The registry's own files of a version, to change; put back afterwards."""
    folder = folder_of(registry, number)
    kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    try:
        yield folder
    finally:
        for path, data in kept.items():
            path.write_bytes(data)


@contextmanager
def with_tags(registry: Registry, number: int = 2, **tags: str | None) -> Iterator[None]:
    """Other tags of a version (None: without it), put back afterwards."""
    client, kept = connect(registry.place), version_by_number(registry, number).tags
    names = {"files": FILES_TAG, "key": KEY_TAG, "model": FINGERPRINT_TAG, "variants": VARIANTS_TAG}
    try:
        for name, value in tags.items():
            if value is None:
                client.delete_model_version_tag(registry.name, str(number), names[name])
            else:
                client.set_model_version_tag(registry.name, str(number), names[name], value)
        yield
    finally:
        for name in version_by_number(registry, number).tags.keys() - kept.keys():
            client.delete_model_version_tag(registry.name, str(number), name)
        for name, value in kept.items():
            client.set_model_version_tag(registry.name, str(number), name, value)


def stays_out(registry: Registry, match: str, number: int = 2) -> None:
    """By each way into service: promoted, moved by hand, put back."""
    before = chain(registry)
    with pytest.raises(DataError, match=match):
        put_in_service(registry, number)
    by_hand(registry, CHAMPION, number)
    settled = settle(registry, now=NOW)
    assert settled.champion is not None
    assert settled.champion.number == 1
    by_hand(registry, CHAMPION, 1)
    by_hand(registry, "previous", number)
    with pytest.raises(DataError, match=match):
        rollback(registry, reason="", now=NOW)
    assert chain(registry) == before
    assert standing(registry)["champion"] == 1
    connect(registry.place).delete_registered_model_alias(registry.name, "previous")


def test_each_version_carries_its_signature_and_the_public_key(mine: Registry) -> None:
    public = own_public(mine.workspace / "keys")
    assert public is not None
    assert (mine.workspace / "keys" / PRIVATE_FILE).stat().st_mode & 0o777 == 0o600
    assert (mine.workspace / "keys" / PUBLIC_FILE).read_text() == public.pem
    for number in (1, 2):
        assert version_by_number(mine, number).tags[KEY_TAG] == public.line
        assert (folder_of(mine, number) / KEY_FILE).read_text() == public.pem
        with opened(mine, number) as package:
            assert package.is_signed
    assert [signing.key for signing in signings(mine)] == [public.fingerprint] * 2
    assert moves_of(mine)[-1].files == version_by_number(mine, 1).tags[FILES_TAG]
    put_in_service(mine, 2)
    assert_agree(mine)


# Changed ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.txt", "digests.json", SIGNATURE_FILE, KEY_FILE])
@pytest.mark.parametrize("how", ["a bit", "gone", "empty", "cut off"])
def test_a_changed_file_keeps_a_version_out(mine: Registry, name: str, how: str) -> None:
    with with_files(mine) as folder:
        path = folder / name
        if how == "a bit":
            flip(path)
        elif how == "gone":
            path.unlink()
        else:
            path.write_bytes(b"" if how == "empty" else path.read_bytes()[:-9])
        with pytest.raises(DataError):
            put_in_service(mine, 2)
    put_in_service(mine, 2)


@pytest.mark.parametrize("name", [SIGNATURE_FILE, KEY_FILE])
@pytest.mark.parametrize("how", ["a bit", "gone"])
def test_the_champion_is_measured_by_its_files_whatever_became_of_its_signature(
    mine: Registry, name: str, how: str
) -> None:
    with with_files(mine, 1) as folder:
        if how == "a bit":
            flip(folder / name)
        else:
            (folder / name).unlink()
        with opened_champion(mine, 1) as package:
            assert package.digest == moves_of(mine)[-1].files
        with pytest.raises(Untrusted, match="nightshift promote 1 --unsigned 1"), opened(mine, 1):
            pass
        flip(folder / "model.txt")
        with pytest.raises(DamagedVersion), opened_champion(mine, 1):
            pass


def test_a_version_whose_files_were_changed_stays_out_by_each_way(mine: Registry) -> None:
    with with_files(mine) as folder:
        flip(folder / SIGNATURE_FILE)
        stays_out(mine, "version 2 has a signature that is not one of its key.*nightshift promote 2 --unsigned 2")


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"files": "0" * 64}, r"digests\.json differs"),
        ({"files": None}, "was not registered by Nightshift|config.json: is missing"),
        ({"key": "MFkw"}, "has a signature that is not one of its key"),
        ({"key": ""}, "has a signature that is not one of its key"),
        ({"key": public_of(ec.generate_private_key(ec.SECP256R1())).line}, "has another key in its tags than beside"),
        ({"model": "another"}, rf"has a tag that is not the signed one \({FINGERPRINT_TAG}\)"),
        ({"model": None}, rf"has a tag that is not the signed one \({FINGERPRINT_TAG}\)"),
        ({"key": None, "model": "another"}, "is not signed"),
        ({"variants": "another"}, rf"has a tag that is not the signed one \({VARIANTS_TAG}\)"),
    ],
)
def test_a_changed_tag_keeps_a_version_out(mine: Registry, tags: dict[str, str | None], why: str) -> None:
    with with_tags(mine, **tags), pytest.raises(DataError, match=why):
        put_in_service(mine, 2)
    put_in_service(mine, 2)


def test_files_of_another_version_with_its_tags_are_that_version_and_no_other(mine: Registry) -> None:
    with with_files(mine) as folder:
        for path in folder_of(mine, 1).rglob("*"):
            if path.is_file():
                (folder / path.relative_to(folder_of(mine, 1))).write_bytes(path.read_bytes())
        with with_tags(mine, files=version_by_number(mine, 1).tags[FILES_TAG]):
            stays_out(mine, "has a tag that is not the signed one")


# Of others ----------------------------------------------------------------------------------------------------------


@contextmanager
def signed_by_another(registry: Registry, key: ec.EllipticCurvePrivateKey, number: int = 2) -> Iterator[None]:
    """As somebody does it who can write to MLflow, files, tags and all."""
    with with_files(registry, number) as folder, with_tags(registry, number, key=public_of(key).line):
        tags = {FINGERPRINT_TAG: version_by_number(registry, number).model_fingerprint}
        (folder / SIGNATURE_FILE).write_bytes(sign(registry.name, Statement(files_of(folder), tags), key, APART))
        (folder / KEY_FILE).write_text(public_of(key).pem)
        yield


def test_a_version_of_another_key_stays_out_until_that_key_is_trusted(mine: Registry, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = public_of(key)
    (tmp_path / "their.pub").write_text(public.pem)
    with signed_by_another(mine, key):
        stays_out(
            mine, f"is signed by a key that is not trusted here \\({public.fingerprint}\\).*register.trusted_keys"
        )
        for named in (public.fingerprint, f"sha256:{public.fingerprint}", public.pem, str(tmp_path / "their.pub")):
            put_in_service(replace(mine, trusted_keys=("0" * 64, named)), 2)
            with opened_champion(mine, 2):  # where only the ledger is asked
                pass
            put_in_service(mine, 1)
        with pytest.raises(Untrusted):  # not trusted any more
            rollback(mine, reason="", now=NOW)


@pytest.mark.parametrize("named", ["", "nonsense", "/nowhere/key.pub", "0" * 63, "-----BEGIN PUBLIC KEY-----\nAAAA"])
def test_a_trusted_key_that_is_none_is_said(mine: Registry, named: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    with signed_by_another(mine, key), pytest.raises(SettingsError, match=r"register\.trusted_keys"):
        put_in_service(replace(mine, trusted_keys=(named,)), 2)


def test_a_version_of_another_workspace_is_foreign_here(mine: Registry, tmp_path: Path) -> None:
    """And so are the versions of both in a registry that two workspaces share."""
    other = replace(mine, folder=tmp_path / "other" / "state", workspace=tmp_path / "other")
    own_key(other.workspace / "keys", had_one=False)
    with pytest.raises(Untrusted, match="is signed by a key that is not trusted here"):
        put_in_service(other, 2)
    number = shelve(other, "of the other")
    put_in_service(other, number)
    with pytest.raises(Untrusted):
        put_in_service(mine, number)


def test_a_version_that_is_named_is_promoted_though_nobody_signed_it(
    mine: Registry,
) -> None:
    with signed_by_another(mine, ec.generate_private_key(ec.SECP256R1())):
        with pytest.raises(SettingsError, match="--unsigned 1: names another version than 2"):
            put_in_service(mine, 2, unsigned=1)
        put_in_service(mine, 2, unsigned=2)
        assert moves_of(mine)[-1].is_unsigned
        assert_agree(mine)
        rollback(mine, reason="", now=NOW)
        with pytest.raises(SettingsError, match="--unsigned 1: names another version than 2"):
            rollback(mine, reason="", now=NOW, unsigned=1)
        rollback(mine, reason="", now=NOW)  # the same files
        with opened_champion(mine, 2):
            pass
        with with_files(mine) as folder, pytest.raises(DataError):
            flip(folder / "model.txt")
            put_in_service(mine, 2, unsigned=2)
    assert [line.is_unsigned for line in moves_of(mine)[1:]] == [True, False, True]


def test_who_names_a_version_that_is_ours_has_said_nothing(mine: Registry) -> None:
    put_in_service(mine, 2, unsigned=2)
    assert not moves_of(mine)[-1].is_unsigned


def test_a_rollback_to_an_unsigned_version_needs_its_name(mine: Registry) -> None:
    with signed_by_another(mine, ec.generate_private_key(ec.SECP256R1())):
        by_hand(mine, "previous", 2)
        with pytest.raises(Untrusted):
            rollback(mine, reason="", now=NOW)
        assert rollback(mine, reason="", now=NOW, unsigned=2).version == 2
        assert_agree(mine)


# Registered before models were signed -------------------------------------------------------------------------------


def without_signature(registry: Registry, number: int) -> None:
    """As it was registered before."""
    for name in (SIGNATURE_FILE, KEY_FILE):
        (folder_of(registry, number) / name).unlink()


def artifact_of(registry: Registry, number: int) -> None:
    """What `register.version` left in the workspace when it registered a version."""
    store, tags = Store(registry.workspace / "artifacts"), dict(version_by_number(registry, number).tags)
    with store.draft(Ref("register", f"{number:032x}")) as draft:
        write_json(
            draft.path / "registered.json", {"name": registry.name, "version": number, "run_id": "", "tags": tags}
        )
        draft.seal(Outcome(1, 1), maker="register.version", version=1, schema="version.v1")


def test_what_was_registered_here_before_is_signed_at_the_next_move_and_said_once(
    mine: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(mine.workspace / "keys")
    (mine.folder / SIGNINGS).unlink()
    with with_files(mine) as folder, with_tags(mine, key=None):
        artifact_of(mine, 2)
        without_signature(mine, 2)
        with opened(mine, 2) as package:
            assert not package.is_signed
        put_in_service(mine, 2)
        assert "were registered here: version 2" in caplog.messages[0]
        key = own_public(mine.workspace / "keys")
        assert key is not None
        assert (folder / KEY_FILE).read_text() == key.pem
        caplog.clear()
        settle(mine, now=NOW)
        assert caplog.messages == []
        with opened(mine, 2) as package:
            assert package.is_signed


@pytest.mark.parametrize("how", ["of nobody", "changed since", "another model"])
def test_what_was_not_registered_here_is_not_signed(mine: Registry, how: str) -> None:
    shutil.rmtree(mine.workspace / "keys")
    (mine.folder / SIGNINGS).unlink()
    with with_files(mine) as folder, with_tags(mine, key=None):
        if how != "of nobody":
            artifact_of(mine, 2)
        without_signature(mine, 2)
        if how == "changed since":
            flip(folder / "model.txt")
        with with_tags(mine, **({"model": "another"} if how == "another model" else {})), pytest.raises(DataError):
            put_in_service(mine, 2)
    assert not (mine.workspace / "keys").exists()


# Lost keys ----------------------------------------------------------------------------------------------------------


def test_a_lost_key_is_said_and_replaced_and_what_it_signed_here_stays_accepted(
    mine: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    (mine.workspace / "keys" / PRIVATE_FILE).rename(mine.workspace / "taken")
    lost = own_key_of(mine.workspace / "taken")
    put_in_service(mine, 2)
    assert caplog.messages == []  # nothing had to be signed
    number = shelve(mine, "after the loss")
    (told,) = caplog.messages
    assert "signing.key: the key that models are signed with is lost; a new one signs from now on" in told
    assert (mine.workspace / "keys" / PUBLIC_FILE).read_text() != public_of(lost).pem
    put_in_service(mine, number)
    put_in_service(mine, 2)
    with signed_by_another(mine, lost, number), pytest.raises(Untrusted):  # whoever has it now signs with it
        put_in_service(mine, number)
    (mine.folder / SIGNINGS).unlink()
    with pytest.raises(Untrusted):
        put_in_service(mine, 2)


def own_key_of(path: Path) -> ec.EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


OTHER_KEY = rsa.generate_private_key(65537, 1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("text", [b"", b"no key", b"\xff\x00", OTHER_KEY], ids=["empty", "words", "bytes", "rsa"])
def test_a_key_that_cannot_be_read_is_put_aside_and_replaced(
    tmp_path: Path, text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / PRIVATE_FILE
    path.write_bytes(text)
    path.chmod(0o600)
    key = own_key(tmp_path, had_one=False)
    (aside,) = tmp_path.glob(f"{PRIVATE_FILE}.*")
    assert aside.read_bytes() == text
    assert f"is lost (what stood there is kept as {aside.name}); a new one signs from now on" in caplog.text
    assert public_of(own_key(tmp_path, had_one=True)) == public_of(key) == own_public(tmp_path)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("stands", ["a folder", "a link to nowhere"])
def test_what_is_no_file_is_put_aside_too(tmp_path: Path, stands: str) -> None:
    path = tmp_path / PRIVATE_FILE
    if stands == "a folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere")
    own_key(tmp_path, had_one=False)
    assert path.is_file()
    assert not path.is_symlink()


def test_a_key_that_others_can_read_is_closed_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key = own_key(tmp_path, had_one=False)
    assert caplog.messages == []
    (tmp_path / PRIVATE_FILE).chmod(0o644)
    assert public_of(own_key(tmp_path, had_one=True)) == public_of(key)
    assert (tmp_path / PRIVATE_FILE).stat().st_mode & 0o777 == 0o600
    (told,) = caplog.messages
    assert "others could read the key that models are signed with (mode 0644), now only its owner can" in told


def test_a_public_file_that_is_not_of_the_key_is_written_anew(tmp_path: Path) -> None:
    key = own_key(tmp_path, had_one=False)
    (tmp_path / PUBLIC_FILE).write_text("another")
    assert own_public(tmp_path) == public_of(key)
    own_key(tmp_path, had_one=True)
    assert (tmp_path / PUBLIC_FILE).read_text() == public_of(key).pem
