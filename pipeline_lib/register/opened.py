"""Opening a version: only when its files are whole, may be in a model, and are signed by somebody who is trusted.

    whole       every file as the list in the package says, and the list as the tag of the version says
    harmless    nothing in it that could run code (harmless.py)
    signed      `model.sig` signs all of that, and the tags that say what it was made from, with the key that lies
                beside and stands in a tag of the version
    trusted     the key is ours, or in `register.trusted_keys`; or this workspace wrote down that it registered these
                very files: what a key signed that is lost since, or what was registered before models were signed

What was promoted by name although none of that holds (`--unsigned`) stands in the ledger with the digest of its files:
these very files are accepted from then on.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline_lib.base.errors import DamagedArtifact, DamagedVersion, DataError, Untrusted
from pipeline_lib.register.keys import own_public, trusted
from pipeline_lib.register.ledger import moves_of
from pipeline_lib.register.package import digest_of, files_of, verify
from pipeline_lib.register.registry import (
    FILES_TAG,
    KEY_TAG,
    KEYS_FOLDER,
    Registry,
    Version,
    client_of,
    download,
    signed_tags,
    version_by_number,
)
from pipeline_lib.register.signature import SIGNATURE_FILE, BadSignature, NoKey, PublicKey, public_key, read_key, signed
from pipeline_lib.register.signings import signings


@dataclass(frozen=True)
class Package:
    """The verified files of a version."""

    folder: Path  # its `model/` is a model folder
    digest: str  # of its list of files
    is_signed: bool
    is_by_name: bool  # whether nobody vouches for it, and it was named, or is in service, all the same


@contextmanager
def opened(registry: Registry, number: int, *, is_told: bool = False) -> Iterator[Package]:
    """The package of a version, kept only inside the `with`. `is_told`: by name, whoever signed it.

    Raises `DamagedVersion` when it is missing or differs from what was uploaded, `DataError` when something is in it
    that may not be, `Untrusted` when nobody signed it who is trusted, `SettingsError` when there is no such version.
    """
    told = {move.files for move in moves_of(registry) if move.is_unsigned}
    with _opened(registry, number, lambda digest: is_told or digest in told) as package:
        yield package


@contextmanager
def opened_champion(registry: Registry, number: int) -> Iterator[Package]:
    """The package of a version that is in service by the ledger, which says what its files were when it came there:
    trust was asked for then, so that these are accepted, whatever became of their signature. Raises as `opened`."""
    moved = {move.files for move in moves_of(registry) if move.version == number and move.files}
    with _opened(registry, number, moved.__contains__) as package:
        yield package


def is_intact(registry: Registry, number: int) -> bool:
    """Whether a version can be opened."""
    try:
        with opened(registry, number):
            return True
    except DataError:
        return False


@contextmanager
def _opened(registry: Registry, number: int, is_told: Callable[[str], bool]) -> Iterator[Package]:
    version = version_by_number(registry, number)
    with tempfile.TemporaryDirectory() as temporary:
        try:
            with client_of(registry) as client:
                folder = download(client, registry, version, Path(temporary))
            package = _verified(registry, version, folder, is_told)
        except DamagedArtifact as exc:
            raise DamagedVersion(str(exc), version=number) from exc
        yield package


def _verified(registry: Registry, version: Version, folder: Path, is_told: Callable[[str], bool]) -> Package:
    digest = version.tags.get(FILES_TAG, "")
    if digest:
        verify(folder, digest)
    else:
        digest = digest_of(folder)
    try:
        key = _vouched(registry, version, folder)
    except Untrusted:
        if not is_told(digest):
            raise
        return Package(folder, digest, is_signed=False, is_by_name=True)
    return Package(folder, digest, is_signed=key is not None, is_by_name=False)


def _vouched(registry: Registry, version: Version, folder: Path) -> PublicKey | None:
    """The key of who vouches for a version; None where it is our own record. Raises `Untrusted` when nobody does."""
    if FILES_TAG not in version.tags:
        raise _untrusted(registry, version, "was not registered by Nightshift, and nobody vouches for its files")
    key, digest = _signer(registry, version, folder), version.tags[FILES_TAG]
    if not _is_trusted(registry, version, digest, key):
        whose = "is not signed" if key is None else f"is signed by a key that is not trusted here ({key.fingerprint})"
        way_out = "" if key is None else ". If you know whose it is, name it in register.trusted_keys"
        raise _untrusted(registry, version, whose + way_out)
    return key


def _signer(registry: Registry, version: Version, folder: Path) -> PublicKey | None:
    """The key that signed these files and tags; None where nobody did. Raises `Untrusted` for a wrong signature."""
    if KEY_TAG not in version.tags:
        return None
    try:
        key = public_key(version.tags[KEY_TAG])
        if read_key(folder) != key:
            raise _untrusted(registry, version, "has another key in its tags than beside its files")
        statement = signed((folder / SIGNATURE_FILE).read_bytes(), key)
    except (NoKey, BadSignature, OSError) as exc:
        raise _untrusted(registry, version, "has a signature that is not one of its key") from exc
    if dict(statement.files) != files_of(folder):
        raise _untrusted(registry, version, "has a signature of other files")
    if odd := dict(statement.tags).items() ^ signed_tags(version.tags).items():
        raise _untrusted(registry, version, f"has a tag that is not the signed one ({min(odd)[0]})")
    return key


def _is_trusted(registry: Registry, version: Version, digest: str, key: PublicKey | None) -> bool:
    if key is not None and (key == own_public(registry.workspace / KEYS_FOLDER)):
        return True
    if key is not None and key.fingerprint in trusted(registry.trusted_keys):
        return True
    ours = [signing for signing in signings(registry) if signing.files == digest]
    if key is not None:
        return any(signing.key == key.fingerprint for signing in ours)
    return any(signing.tags == signed_tags(version.tags) for signing in ours)


def _untrusted(registry: Registry, version: Version, why: str) -> Untrusted:
    return Untrusted(
        f"{registry.name} version {version.number} {why}. It stays out of service, unless you name it: "
        f"nightshift promote {version.number} --unsigned {version.number}."
    )
