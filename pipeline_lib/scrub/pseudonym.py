"""Keyed pseudonyms: `<PHONE_k3f2a91c0_9c1e7ab2d4f05b68>` = kind, key id, first 64 bits of HMAC(key, kind \\0 value).

The same value gives the same token in all documents and nights, so the model still sees that two texts speak of one
person; without the key the token cannot be reversed by trying values. 64 bits: among ten million values two share a
token with probability 3e-6.
"""

import re

from pipeline_lib.scrub.key import ScrubKey
from pipeline_lib.scrub.settings import KINDS, Action
from pipeline_lib.scrub.spot import MASKED_DIGIT, MASKED_LETTER

DIGEST_CHARACTERS = 16
NAMES = "|".join(kind.upper() for kind in KINDS)
TOKEN = re.compile(rf"<({NAMES})(?:_k[0-9a-f]{{8}}_[0-9a-f]{{16}})?>")  # bounded: linear in `re` too


def replacement(key: ScrubKey, kind: str, value: str, action: Action) -> str:
    """What stands in the text instead of a value (for "drop", as for "pseudonym")."""
    if action == "placeholder":
        return f"<{kind.upper()}>"
    digest = key.digest(kind.encode() + b"\0" + value.encode()).hex()[:DIGEST_CHARACTERS]
    return f"<{kind.upper()}_k{key.key_id}_{digest}>"


def mask_tokens(text: str) -> str:
    """The text with masks in the place of tokens."""
    return TOKEN.sub(lambda match: mask(match.group(1).lower(), len(match.group())), text)


def mask(kind: str, size: int) -> str:
    """Letters or digits that no pattern matches.

    A number beside a mask is judged as it was beside the value: what was left alone once stays so the next time.
    """
    return (MASKED_LETTER if kind == "email" else MASKED_DIGIT) * size
