"""The settings of `[scrub]`: what happens to each kind of personal data. The key is never a setting (see key.py)."""

from typing import Annotated, Literal

from pydantic import Field

from pipeline_lib.base.settings import StageSettings

Action = Literal["pseudonym", "placeholder", "drop"]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]

# A kind is a field below and its detectors in detect.py. Of two values that are equally long the earlier kind wins.
KINDS = ("email", "ip", "cn_id", "card", "phone")
ACTIONS = 'What replaces it: "pseudonym" (same value, same token), "placeholder" (kind only) or "drop" the document.'


class ScrubSettings(StageSettings):
    """One action for each kind, and where national phone numbers are from."""

    email: Action = Field(default="pseudonym", description=f"E-mail addresses. {ACTIONS}")
    phone: Action = Field(default="pseudonym", description=f"Mobile and landline numbers. {ACTIONS}")
    ip: Action = Field(default="pseudonym", description=f"Public IPv4 and IPv6 addresses; private ones stay. {ACTIONS}")
    card: Action = Field(default="pseudonym", description=f"Bank and credit cards with a right check digit. {ACTIONS}")
    cn_id: Action = Field(default="pseudonym", description=f"Chinese identity numbers (GB 11643). {ACTIONS}")
    phone_regions: tuple[Region, ...] = Field(
        default=("CN", "US", "GB"),
        min_length=1,
        max_length=20,
        description="Countries whose national numbers are known by their shape, most likely first (ISO 3166); numbers "
        'with "+" or with a label ("phone:", "电话") are found for all countries.',
        json_schema_extra={"unit": "countries"},
    )

    def action(self, kind: str) -> Action:
        """What happens to values of this kind."""
        chosen: Action = getattr(self, kind)
        return chosen
