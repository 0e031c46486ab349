"""Invisible characters go where they carry no meaning.

What carries some, and stays:
- marks of direction in a paragraph with a right-to-left letter (Unicode Annex 9: a paragraph is ordered by itself);
- joiners (ZWJ, ZWNJ) beside anything but letters, signs and blanks of scripts that do not join: so they stay in
  Arabic, in the scripts of India, in Mongolian, in emoji;
- zero-width spaces beside a letter of a script that writes words without blanks: there they part words;
- tags behind a black flag, which spell the flag of a region (Unicode Technical Standard 51).
Soft hyphens, word joiners and the format characters that Unicode has deprecated change at most where a line is broken.
Variation selectors and the grapheme joiner decide how a character is read: they stay.
"""

import re

from pipeline_lib.clean.steps.step import each_text

DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
RIGHT_TO_LEFT = "\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff"
NEVER_MEANT = "\u00ad\u2060\u206a-\u206f"
TAGS = "\U000e0001\U000e0020-\U000e007f"
# Thai and Lao, Tibetan, Myanmar, Khmer, Tai Le and New Tai Lue, Tai Tham, Balinese to Batak, Javanese, Tai Viet.
WITHOUT_BLANKS = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u1aaf\u1b00-\u1bff\ua980-\ua9ff\uaa60-\uaadf"
# Latin, Greek, Cyrillic, Armenian, Georgian, general punctuation, signs of currency, letter-like ones, numbers; Han,
# kana, Hangul; full-width forms.
NOT_JOINING = (
    "\x00-\xac\xae-\u058f\u10a0-\u10ff\u1c80-\u1cbf\u1d00-\u200a\u2010-\u2029\u202f-\u205f\u2070-\u218f"
    "\u2c60-\u2c7f\u2de0-\u2fdf\u3000-\ua4cf\ua640-\ua7ff\uab30-\uab6f\uac00-\ud7af\uf900-\ufb1c\uff01-\uffef"
    "\U00020000-\U0003ffff"
)

_DIRECTION, _RIGHT_TO_LEFT = re.compile(f"[{DIRECTION}]"), re.compile(f"[{RIGHT_TO_LEFT}]")
_NEVER_MEANT = re.compile(f"[{NEVER_MEANT}]")
_TAGS = re.compile(f"(\U0001f3f4[{TAGS}]+)|[{TAGS}]+")
_SPACE = re.compile(f"(?<![{WITHOUT_BLANKS}\u200b])\u200b+(?![{WITHOUT_BLANKS}\u200b])")
_JOINERS = re.compile(f"(?<![^{NOT_JOINING}])[\u200c\u200d]+(?![^{NOT_JOINING}])")


def _without(text: str) -> str:
    if _DIRECTION.search(text):
        text = "\n".join(line if _RIGHT_TO_LEFT.search(line) else _DIRECTION.sub("", line) for line in text.split("\n"))
    text = _NEVER_MEANT.sub("", text)
    text = _TAGS.sub(lambda found: found[1] or "", text)
    return _JOINERS.sub("", _SPACE.sub("", text))


STEP = each_text(
    "invisible.v1",
    "marks of direction, joiners, zero-width spaces, soft hyphens and tags go where they mean nothing",
    f"[{DIRECTION}{NEVER_MEANT}{TAGS}\u200b-\u200d]",
    _without,
    is_beyond_ascii=True,
)
