"""The format of OpenSSF model signing: what its own tool has signed is read, and what we sign has its shape."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pipeline_lib.register.signature import BadSignature, NoKey, Statement, public_key, public_of, sign, signed

# Signed by `model_signing sign key` 1.1.1, of a folder with README.md ("card") and d/model.txt ("weights").
THEIR_KEY = """\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQZAzUV1cU3gjJo0bcRsssLvzCuDF
MaVB0f0iqf/58paNNY4+A+t65VGXYBIpkW4qf+JRVLjw4E5dsNgl4FqaZg==
-----END PUBLIC KEY-----
"""
THEIR_PAYLOAD = (
    "ewogICJfdHlwZSI6ICJodHRwczovL2luLXRvdG8uaW8vU3RhdGVtZW50L3YxIiwKICAic3ViamVjdCI6IFsKICAgIHsKICAgICAgIm5hbWUiOi"
    "AidmVjIiwKICAgICAgImRpZ2VzdCI6IHsKICAgICAgICAic2hhMjU2IjogIjQxOGFkZTNmZjg4NDZjYWFlNzhkNGNlYzk1YTE1NWIyMzRiYTgx"
    "OWFhYzlkY2I3YzAyZjc4ZDQxYWJmN2MzNTIiCiAgICAgIH0KICAgIH0KICBdLAogICJwcmVkaWNhdGVUeXBlIjogImh0dHBzOi8vbW9kZWxfc2"
    "lnbmluZy9zaWduYXR1cmUvdjEuMCIsCiAgInByZWRpY2F0ZSI6IHsKICAgICJzZXJpYWxpemF0aW9uIjogewogICAgICAibWV0aG9kIjogImZp"
    "bGVzIiwKICAgICAgImFsbG93X3N5bWxpbmtzIjogZmFsc2UsCiAgICAgICJoYXNoX3R5cGUiOiAic2hhMjU2IgogICAgfSwKICAgICJyZXNvdX"
    "JjZXMiOiBbCiAgICAgIHsKICAgICAgICAiZGlnZXN0IjogIjgzNjdjZDY2ZmRkMTM2YmJhOGJhMjNmODgwNWJiMDUwZGQ2Mjg5NDAxYzhlYzNi"
    "MGJlNDRhM2MyMzNlZWY5MGQiLAogICAgICAgICJuYW1lIjogIlJFQURNRS5tZCIsCiAgICAgICAgImFsZ29yaXRobSI6ICJzaGEyNTYiCiAgIC"
    "AgIH0sCiAgICAgIHsKICAgICAgICAiZGlnZXN0IjogIjlhMTI5MDM4ZDlhMDBhZWQwY2Y2YTdlYTA1OWNhNTBhODEzNDQ5MDYxYWI4Nzg0OGNm"
    "MWExM2VhZmRmMzNiMmMiLAogICAgICAgICJuYW1lIjogImQvbW9kZWwudHh0IiwKICAgICAgICAiYWxnb3JpdGhtIjogInNoYTI1NiIKICAgIC"
    "AgfQogICAgXQogIH0KfQ=="
)
THEIR_SIGNATURE = "MEQCICnVkEjntjwr/bXfoqA1lpn4pJQ1i7enRnG5o1bMIAeqAiB9Func8AoBfLYuP+oVrgx86rvndNgST5HzpU+RLT/G9w=="
APART = frozenset({"model.sig", "signing_key.pub"})
FILES = {
    name: hashlib.sha256(text).hexdigest() for name, text in {"README.md": b"card", "d/model.txt": b"weights"}.items()
}
STATEMENT = Statement(FILES, {"nightshift.model_fingerprint": "f" * 32})
KEY = ec.generate_private_key(ec.SECP256R1())


def theirs() -> dict[str, Any]:
    return {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "publicKey": {"hint": hashlib.sha256(THEIR_KEY.encode()).hexdigest()},
            "tlogEntries": [],
        },
        "dsseEnvelope": {
            "payload": THEIR_PAYLOAD,
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"sig": THEIR_SIGNATURE, "keyid": ""}],
        },
    }


def test_what_the_tool_of_openssf_has_signed_is_read() -> None:
    assert signed(json.dumps(theirs()).encode(), public_key(THEIR_KEY)) == Statement(FILES, {})


def test_what_we_sign_has_the_shape_of_what_that_tool_signs() -> None:
    ours = json.loads(sign("vec", Statement(FILES, {}), KEY, APART))
    payload, their_payload = (
        json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"])) for bundle in (ours, theirs())
    )
    assert payload["predicate"].pop("nightshift.tags") == {}
    assert payload["predicate"]["serialization"].pop("ignore_paths") == sorted(APART)
    assert payload == their_payload
    for bundle in (ours, expected := theirs()):
        bundle["dsseEnvelope"].update(payload="", signatures=[{**bundle["dsseEnvelope"]["signatures"][0], "sig": ""}])
        bundle["verificationMaterial"]["publicKey"]["hint"] = ""
    assert ours == expected


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_what_was_signed_is_read_again_and_the_same_twice(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    bundle = sign("model", STATEMENT, key, APART)
    assert bundle == sign("model", STATEMENT, key, APART)
    assert signed(bundle, public_of(key)) == STATEMENT


def test_a_key_has_the_fingerprint_of_its_file_and_is_the_same_in_one_line() -> None:
    public = public_of(KEY)
    assert public.fingerprint == hashlib.sha256(public.pem.encode()).hexdigest()
    assert "\n" not in public.line
    assert public_key(public.line) == public_key(public.pem.replace("\n", "\r\n")) == public


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    bundle = json.loads(sign("model", STATEMENT, KEY, APART))
    change(bundle)
    return json.dumps(bundle).encode()


def of_another(bundle: dict[str, Any]) -> None:
    """The signature of another statement by the same key."""
    other = json.loads(sign("model", Statement({**FILES, "README.md": "0" * 64}, {}), KEY, APART))
    bundle["dsseEnvelope"]["payload"] = other["dsseEnvelope"]["payload"]


def by_another(bundle: dict[str, Any]) -> None:
    other = json.loads(sign("model", STATEMENT, ec.generate_private_key(ec.SECP256R1()), APART))
    bundle["dsseEnvelope"] = other["dsseEnvelope"]


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another statement": of_another,
    "another key": by_another,
    "another media type": lambda b: b.update(mediaType="application/json"),
    "another payload type": lambda b: b["dsseEnvelope"].update(payloadType="text/plain"),
    "another hint": lambda b: b["verificationMaterial"]["publicKey"].update(hint="0" * 64),
    "no signatures": lambda b: b["dsseEnvelope"].update(signatures=[]),
    "no envelope": lambda b: b.pop("dsseEnvelope"),
    "no text": lambda b: b["dsseEnvelope"].update(payload=7),
    "no base64": lambda b: b["dsseEnvelope"].update(payload="*"),
    "empty": lambda b: b.clear(),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_bundle_that_was_changed_is_no_signature(kind: str) -> None:
    with pytest.raises(BadSignature):
        signed(changed(CHANGES[kind]), public_of(KEY))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"7", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_bundle_is_no_signature(text: bytes) -> None:
    with pytest.raises(BadSignature):
        signed(text, public_of(KEY))


def test_no_byte_of_a_bundle_may_change() -> None:
    """But for what says nothing: the id of the key, which nobody reads, and blanks between."""
    bundle = sign("model", STATEMENT, KEY, APART)
    for at in range(0, len(bundle), 7):
        other = bundle[:at] + bytes([bundle[at] ^ 1]) + bundle[at + 1 :]
        try:
            assert signed(other, public_of(KEY)) == STATEMENT
        except BadSignature:
            continue
        assert (
            chr(bundle[at]).isspace()
            or b"keyid" in bundle[at - 6 : at + 8]
            or b"tlogEntries" in bundle[at - 14 : at + 14]
        )


OTHER_KEYS = {
    "rsa": rsa.generate_private_key(65537, 1024).public_key(),
    "ed25519": ed25519.Ed25519PrivateKey.generate().public_key(),
    "another curve": ec.generate_private_key(ec.SECP256K1()).public_key(),
}
PEM = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
NO_KEYS = {
    "empty": "",
    "words": "no key",
    "cut off": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    "not ascii": "夜",
    **{
        kind: key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        for kind, key in OTHER_KEYS.items()
    },
}


@pytest.mark.parametrize("kind", NO_KEYS)
def test_what_is_no_key_of_these_curves_is_refused(kind: str) -> None:
    with pytest.raises(NoKey):
        public_key(NO_KEYS[kind])
