"""Keyed pseudonyms: `<PHONE_k3f2a91c0_9c1e7ab2d4f05b68>` = kind, key id, first 64 bits of HMAC(key, kind \\0 value).

The same value gives the same token in all documents and nights, so the model still sees that two texts speak of one
person; without the key the token cannot be reversed by trying values. 64 bits: among ten million values two share a
token with probability 3e-6.
"""

import re

from pipeline_lib.scrub.key import ScrubKey
from pipeline_lib.scrub.settings import Action

DIGEST_CHARACTERS = 16
MASK = "\0"
# Bounded, so that `re` is linear too. A token is never searched: a second scrub leaves it as it is.
PSEUDONYM = re.compile(r"<(?:EMAIL|PHONE|IP|CARD|CN_ID)_k[0-9a-f]{8}_[0-9a-f]{16}>")


def replacement(key: ScrubKey, kind: str, value: str, action: Action) -> str:
    """What stands in the text instead of a value (for "drop", as for "pseudonym")."""
    if action == "placeholder":
        return f"<{kind.upper()}>"
    digest = key.digest(kind.encode() + b"\0" + value.encode()).hex()[:DIGEST_CHARACTERS]
    return f"<{kind.upper()}_k{key.key_id}_{digest}>"


def mask_pseudonyms(text: str) -> str:
    """The text with all its pseudonyms blanked out, character for character."""
    return PSEUDONYM.sub(lambda match: MASK * len(match.group()), text)
