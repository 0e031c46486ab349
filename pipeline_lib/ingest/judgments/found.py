"""What is told of a judgment, and of whom it is told.

Names of natural persons are personal data, and of criminal convictions at that (GDPR, article 10): none is ever told.
A party is told by its role, and by its name only where that is the name of an organisation by its own words (a form of
company, an office, a state). What looks like neither stays a role.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Parties = Literal["organisations", "roles", "none"]

MOST_PARTIES = 20  # of a judgment; a class action has thousands


class Party(NamedTuple):
    """A party: its role ("原告", "Appellant", "" where none is told), and its name where an organisation has it."""

    role: str
    name: str = ""


class Found(NamedTuple):
    """What the rules found in a judgment; what they did not find is empty."""

    court: str = ""
    case_number: str = ""
    citation: str = ""
    date: str = ""  # ISO 8601, of the decision
    document_type: str = ""
    parties: Sequence[Party] = ()

    def told(self, parties: Parties) -> dict[str, str]:
        """As metadata."""
        told = {
            "court": self.court,
            "case_number": self.case_number,
            "citation": self.citation,
            "date": self.date,
            "document_type": self.document_type,
            "parties": "" if parties == "none" else _shown(self.parties, are_named=parties == "organisations"),
        }
        return {name: value for name, value in told.items() if value}


def _shown(parties: Sequence[Party], *, are_named: bool) -> str:
    """ "原告: 某某有限公司; 被告"."""
    shown = [": ".join(filter(None, (party.role, party.name if are_named else ""))) for party in parties[:MOST_PARTIES]]
    return "; ".join(filter(None, shown))
