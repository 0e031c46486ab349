"""A place in a folded text that may be a value, and what stands around it.

`\\b` is no help here: to Python's `re` a Han character is a word character, so `身份证110101...` has no border before
the number (five of six tools measured miss it for that reason). The neighbours are looked at by hand instead.
"""

import re
from dataclasses import dataclass

CONTEXT_CHARACTERS = 32
MONEY = "$¥€£"
# What stands for a token of ours (pseudonym.py): a letter and a digit that are not in Latin-1, which the patterns see
# (of the Vai script, and a digit that folding would have replaced).
MASKED_LETTER, MASKED_DIGIT = "\ua500", "\u0660"
LETTERS = f"A-Za-z{MASKED_LETTER}"
WORD = re.compile(rf"[\d{LETTERS}_]")  # \d holds MASKED_DIGIT
TOKEN_BEFORE_DASH = re.compile(rf"([\d{LETTERS}]+)-$")
LONG_TOKEN_AFTER_DASH = re.compile(rf"-[\d{LETTERS}]{{4}}")
NUMBER_BEFORE = re.compile(r"\d[ \t]+$")
NUMBER_BEHIND = re.compile(r"[ \t]+\d")
FACTOR_BEHIND = re.compile(r" ?\*[ *]?\w")
PATH_OR_PARAMETER = re.compile(rf"[{LETTERS}][/=]$")


@dataclass(frozen=True)
class Spot:
    """Characters `start` to `end` of a folded text."""

    folded: str
    start: int
    end: int

    @property
    def text(self) -> str:
        """What stands there."""
        return self.folded[self.start : self.end]

    @property
    def digits(self) -> str:
        """Its digits alone."""
        return "".join(character for character in self.text if character.isdecimal())

    @property
    def groups(self) -> list[str]:
        """Its runs of digits."""
        return re.findall(r"\d+", self.text)

    @property
    def before(self) -> str:
        """The characters before it, at most 32."""
        return self.folded[max(0, self.start - CONTEXT_CHARACTERS) : self.start]

    @property
    def after(self) -> str:
        """The characters behind it, at most 32."""
        return self.folded[self.end : self.end + CONTEXT_CHARACTERS]

    @property
    def is_cut_out(self) -> bool:
        """Whether it is a piece of a longer number: a digit, or a decimal point and a digit, next to it."""
        before, after = self.folded[max(0, self.start - 2) : self.start], self.folded[self.end : self.end + 2]
        return (
            before[-1:].isdecimal()
            or after[:1].isdecimal()
            or (before[-1:] == "." and before[:-1].isdecimal())
            or (after[:1] == "." and after[1:].isdecimal())
        )

    @property
    def is_in_row(self) -> bool:
        """Whether a blank and another number stand next to it: a row of a table."""
        return bool(NUMBER_BEFORE.search(self.before) or NUMBER_BEHIND.match(self.after))

    @property
    def is_entangled(self) -> bool:
        """Whether it is a piece of an identifier (SN136..., a UUID, a path), an amount or a formula."""
        before, after = self.before, self.after
        token = TOKEN_BEFORE_DASH.search(before)
        return bool(
            WORD.match(before[-1:])
            or WORD.match(after[:1])
            or before[-1:] in tuple(MONEY)
            or (token and any(character.isdecimal() for character in token.group(1)))
            or LONG_TOKEN_AFTER_DASH.match(after)
            or FACTOR_BEHIND.match(after)
            or PATH_OR_PARAMETER.search(before)
        )
