"""Signing what this workspace registers: each package before it is uploaded, and what was registered without it.

First it is written down that we sign it (signings.py), then the signature leaves. Whoever is killed in between signs
the same again: same files, same key, same bytes.
"""

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DataError
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.register.keys import own_key
from pipeline_lib.register.opened import opened
from pipeline_lib.register.package import APART, files_of
from pipeline_lib.register.registry import FILES_TAG, KEY_TAG, KEYS_FOLDER, Registry, Version, signed_tags, versions
from pipeline_lib.register.signature import KEY_FILE, SIGNATURE_FILE, PublicKey, Statement, public_of, sign
from pipeline_lib.register.signings import Signing, has_signed, remember, signings

LOGGED_MODEL = "models:/"  # how a version names where its files are kept

logger = logging.getLogger(__name__)


def sign_package(
    registry: Registry, package: Path, files_digest: str, tags: Mapping[str, str], *, into: Path | None = None
) -> PublicKey:
    """Put the signature of a sealed package and the public key beside its files (or `into` another folder)."""
    key = own_key(registry.workspace / KEYS_FOLDER, had_one=has_signed(registry))
    public, said = public_of(key), signed_tags(tags)
    bundle = sign(registry.name, Statement(files_of(package), said), key, APART)
    remember(registry, Signing(files_digest, public.fingerprint, said))
    failpoint("register", "after_signing")
    folder = into or package
    (folder / SIGNATURE_FILE).write_bytes(bundle)
    (folder / KEY_FILE).write_text(public.pem, encoding="ascii")
    return public


def sign_earlier(client: Any, registry: Registry) -> None:
    """Sign the versions without a signature that this workspace registered, if their files are those, and say so."""
    unsigned = [version for version in versions(registry) if KEY_TAG not in version.tags]
    ours = {signing.files for signing in signings(registry)} if unsigned else set()
    done = [
        str(version.number)
        for version in unsigned
        if version.tags.get(FILES_TAG) in ours and _sign_version(client, registry, version)
    ]
    if done:
        logger.warning(
            "%s: without a signature until now, and signed now, since their files are those that were registered here: "
            "version%s %s",
            registry.name,
            "s" if len(done) > 1 else "",
            ", ".join(done),
        )


def _sign_version(client: Any, registry: Registry, version: Version) -> bool:
    """Whether a version could be signed: damaged ones cannot, nor those whose files MLflow does not keep."""
    source = str(client.get_model_version(registry.name, str(version.number)).source)
    if not source.startswith(LOGGED_MODEL):
        return False
    try:
        with opened(registry, version.number) as package, tempfile.TemporaryDirectory() as temporary:
            if package.is_by_name:
                return False
            into = Path(temporary)
            key = sign_package(registry, package.folder, package.digest, version.tags, into=into)
            client.log_model_artifacts(source.removeprefix(LOGGED_MODEL), temporary)
    except DataError:
        return False
    client.set_model_version_tag(registry.name, str(version.number), KEY_TAG, key.line)
    return True
