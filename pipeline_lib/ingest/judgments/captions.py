"""The parties of a case in English: "X v Y" on a line, or a caption over several.

GOOGLE LLC, PETITIONER v. ORACLE AMERICA, INC.
JANE DOE, / Plaintiff, / v. / ACME CORPORATION, / Defendant.
"""

import re
from collections.abc import Iterator, Sequence

from pipeline_lib.ingest.judgments.found import Party
from pipeline_lib.ingest.judgments.organisations import organisation_in

MOST_SIGNS = 240  # of a line with a caption
VERSUS = re.compile(r"^(.{1,150}?)[\s,]+[-–—]?\s*(?:v|vs|V|VS|versus)\.?\s*[-–—]?\s+(.{1,150})$")
ALONE = re.compile(r"^[-–—\s]*(?:v|vs|versus|against)\.?[-–—\s]*$", re.I)
NO_CAPTION = re.compile(r"\b\d+ U\.? ?S\.? \d|\bF\.(?: Supp\.|\dd)|[a-z]{3,}[;:]|[a-z]{4,}\. [A-Z]")
ROLE = re.compile(
    r"\b(?:Plaintiff|Defendant|Petitioner|Respondent|Appellant|Appellee|Claimant|Applicant|Intervenor|Pursuer|Defender|"
    r"Reclaimer|Prosecutor|Accused)s?(?:\s*[-–/]\s*(?:Appell(?:ant|ee)|Respondent|Petitioner|Counter\w*|Cross\w*)s?)*\b",
    re.I,
)
BRACKETS = re.compile(r"\([^()]*\)")
OTHERS = re.compile(r",?\s*\b(?:et\s+al\.?|and\s+(?:others|another|ors|anor))(?!\w)", re.I)
# Small words that stand in names; others make a sentence of a line.
SMALL = r"and|of|the|for|to|on|others|another|ors|anor|et|al|plc|ltd|inc|llc|llp|pty|pte|de|la|van|von|der|ex|rel"
DESCRIBED = re.compile(
    r",\s+an? (?:[A-Za-z]+ ){0,4}(?:individual|corporation|company|partnership|agency|minor)\b", re.I
)
SENTENCE = re.compile(rf"(?<![\w'’/.-])(?!(?:{SMALL})\b)[a-z]{{2,}}")


def parties_of(lines: Sequence[str]) -> tuple[Party, ...]:
    """Both sides, in their order; none where no caption is found."""
    for first, second in _captions(lines):
        sides = first.strip(), second.partition(" [")[0].strip()
        if all(_is_side(side) for side in sides):
            return tuple(_party(side) for side in sides)
    return ()


def _captions(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for at, line in enumerate(lines):
        if len(line) <= MOST_SIGNS and (found := VERSUS.match(line)) and not NO_CAPTION.search(line):
            yield found[1], found[2]
        elif ALONE.match(line):
            yield _above(lines[:at]), _below(lines[at + 1 : at + 3])


def _above(lines: Sequence[str]) -> str:
    """The name over a "v.", and the role that may stand between them."""
    return " ".join(lines[-2:]) if len(lines) > 1 and _is_role(lines[-1]) else "".join(lines[-1:])


def _below(lines: Sequence[str]) -> str:
    return " ".join(lines) if len(lines) > 1 and _is_role(lines[1]) else "".join(lines[:1])


def _is_role(line: str) -> bool:
    return ROLE.search(line) is not None and not re.sub(r"[\W_]|\band\b", "", ROLE.sub("", line))


def _is_side(side: str) -> bool:
    """Whether it begins as a name does, and is no part of a sentence."""
    bare = ROLE.sub("", DESCRIBED.sub("", BRACKETS.sub("", side)))
    return side[:1].isupper() and len(side) <= MOST_SIGNS and SENTENCE.search(bare) is None


def _party(side: str) -> Party:
    """A side as its role and, of an organisation, its name."""
    role = ROLE.search(side)
    name = ROLE.sub("", OTHERS.sub("", DESCRIBED.sub("", BRACKETS.sub("", side)))).strip(" ,.-–")
    return Party(role[0].capitalize() if role else "", organisation_in(re.sub(r"\s+", " ", name)))
