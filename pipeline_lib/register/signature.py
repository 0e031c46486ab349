"""A signature in the format of OpenSSF model signing 1.x: anybody checks it with that tool and the public key alone.

    model.sig           a Sigstore bundle (JSON): a DSSE envelope around an in-toto statement, signed with ECDSA
    signing_key.pub     the public key (PEM); `sha256sum signing_key.pub` is its fingerprint

    model_signing verify key --signature model.sig --public_key signing_key.pub FOLDER

The statement names every file of the folder with its SHA-256, but for the two above and what MLflow writes beside. In
its predicate, where that tool passes over what it does not know, stand also the tags of the version: what it was made
from is signed with it. Signing the same twice gives the same bytes (RFC 6979).

The package model-signing itself is not used: it brings 20 others, a client of a public service among them, and takes
a second to load. https://github.com/sigstore/model-transparency, https://github.com/secure-systems-lab/dsse
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pipeline_lib.store.files import readable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey, EllipticCurvePublicKey

SIGNATURE_FILE = "model.sig"
KEY_FILE = "signing_key.pub"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
TAGS = "nightshift.tags"  # in the predicate
HASHES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}  # by curve, as the format has it


class BadSignature(Exception):
    """What stands there is no signature of that key."""


class NoKey(Exception):
    """What stands there is no key that signs models."""


@dataclass(frozen=True)
class PublicKey:
    """A key that signatures are checked with."""

    pem: str

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal characters: the SHA-256 of its PEM file."""
        return hashlib.sha256(self.pem.encode()).hexdigest()

    @property
    def line(self) -> str:
        """The key in one line: what stands between the first and the last line of its PEM file."""
        return "".join(self.pem.splitlines()[1:-1])

    @cached_property
    def loaded(self) -> "EllipticCurvePublicKey":
        """The key, ready to check with."""
        return _loaded(self.pem)


@dataclass(frozen=True)
class Statement:
    """What is signed."""

    files: Mapping[str, str]  # SHA-256 of each by its relative name
    tags: Mapping[str, str]


def public_key(text: str) -> PublicKey:
    """The key in a PEM text, or in one line. Raises `NoKey`."""
    whole = text if "-----" in text else f"-----BEGIN PUBLIC KEY-----\n{text.strip()}\n-----END PUBLIC KEY-----\n"
    return _written(_loaded(whole))


def public_of(key: "EllipticCurvePrivateKey") -> PublicKey:
    """The public part of a key."""
    return _written(key.public_key())


def sign(name: str, statement: Statement, key: "EllipticCurvePrivateKey", apart: frozenset[str]) -> bytes:
    """The bundle for a folder of that name, where the files `apart` are no part of what is signed."""
    payload = readable(_payload(name, statement, apart)).encode()
    public = public_of(key)
    signature = key.sign(_enveloped(payload), _algorithm(public.loaded, is_repeatable=True))
    envelope = {
        "payload": _text(payload),
        "payloadType": PAYLOAD,
        "signatures": [{"sig": _text(signature), "keyid": ""}],
    }
    material = {"publicKey": {"hint": public.fingerprint}, "tlogEntries": []}
    return readable({"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}).encode()


def signed(bundle: bytes, key: PublicKey) -> Statement:
    """What that key has signed there. Raises `BadSignature`."""
    from cryptography.exceptions import InvalidSignature

    try:
        found = json.loads(bundle)
        envelope = found["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signature = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
        named = (found["mediaType"], envelope["payloadType"], found["verificationMaterial"]["publicKey"]["hint"])
        if named != (BUNDLE, PAYLOAD, key.fingerprint):
            raise BadSignature
        key.loaded.verify(signature, _enveloped(payload), _algorithm(key.loaded))
        return _statement(json.loads(payload))
    except (InvalidSignature, ValueError, TypeError, LookupError, AttributeError, RecursionError) as exc:
        raise BadSignature from exc


def read_key(folder: Path) -> PublicKey:
    """The key that lies beside a signature. Raises `NoKey`."""
    try:
        return public_key((folder / KEY_FILE).read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as exc:
        raise NoKey from exc


def _payload(name: str, statement: Statement, apart: frozenset[str]) -> dict[str, Any]:
    names = sorted(statement.files, key=PurePosixPath)
    root = hashlib.sha256(b"".join(bytes.fromhex(statement.files[name]) for name in names)).hexdigest()
    serialization = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": sorted(apart)}
    resources = [{"name": name, "algorithm": "sha256", "digest": statement.files[name]} for name in names]
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": root}}],
        "predicateType": PREDICATE,
        "predicate": {"serialization": serialization, "resources": resources, TAGS: dict(statement.tags)},
    }


def _statement(payload: Any) -> Statement:
    """Raises `ValueError` and its like for what is no statement on a model."""
    if (payload["_type"], payload["predicateType"]) != (STATEMENT, PREDICATE):
        raise ValueError
    predicate = payload["predicate"]
    if any(resource["algorithm"] != "sha256" for resource in predicate["resources"]):
        raise ValueError
    files = {str(resource["name"]): str(resource["digest"]) for resource in predicate["resources"]}
    return Statement(files, {str(name): str(value) for name, value in predicate.get(TAGS, {}).items()})


def _enveloped(payload: bytes) -> bytes:
    """What is signed of a payload: DSSE's encoding before authentication."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def _algorithm(key: "EllipticCurvePublicKey", *, is_repeatable: bool = False) -> "ECDSA":
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    return ECDSA(getattr(hashes, HASHES[key.curve.name])(), deterministic_signing=is_repeatable)


def _loaded(pem: str) -> "EllipticCurvePublicKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    try:
        key = serialization.load_pem_public_key(pem.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm, binascii.Error) as exc:
        raise NoKey from exc
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in HASHES:
        raise NoKey
    return key


def _written(key: "EllipticCurvePublicKey") -> PublicKey:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return PublicKey(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii"))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
