"""Settings of [dedup]. All of them decide the bytes that the method reads; the others decide nothing."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline_lib.base.settings import StageSettings, neutral, read_where
from pipeline_lib.text.han_forms import PACKAGE, release

Method = Literal["minhash", "simhash"]
ChineseScripts = Literal["apart", "unified"]
NEAR: tuple[Method, ...] = ("minhash", "simhash")


class DedupSettings(StageSettings):
    """What counts as a near-duplicate, and how candidates for it are found."""

    method: Method | None = Field(
        "minhash",
        description="How candidates are found: MinHash LSH, SimHash (only near-exact copies, but a smaller index), or "
        "null: only exact duplicates go.",
    )
    jaccard_at_least: float = Field(
        0.7,
        gt=0,
        le=1,
        description="Two texts are near-duplicates from this exact Jaccard of their shingle sets on; no candidate is "
        "dropped without it.",
        json_schema_extra=read_where("method", *NEAR, unit="share"),
    )
    shingle_tokens: int = Field(
        5,
        ge=1,
        le=32,
        description="Tokens in a row that make one shingle; Han and kana characters are a token each.",
        json_schema_extra=read_where("method", *NEAR, unit="tokens"),
    )
    # A pair with Jaccard j is a candidate with probability 1 - (1 - j^rows)^bands: .92 at .7 and .998 at .8. Since
    # candidates are verified, more of them cost time but no precision. Measured recall of pairs from .7 on, English
    # and Chinese: 20 x 6 .99 and .99; 14 x 8 (FineWeb) .95 and .95, with about as many values.
    bands: int = Field(
        20,
        ge=1,
        le=128,
        description="MinHash bands; 4 bytes each in the index. More bands find more pairs.",
        json_schema_extra=read_where("method", "minhash"),
    )
    rows: int = Field(
        6,
        ge=1,
        le=32,
        description="MinHash values a band; more rows make fewer false candidates.",
        json_schema_extra=read_where("method", "minhash"),
    )
    max_hamming_bits: int = Field(
        3,
        ge=1,
        le=8,
        description="SimHashes of candidates differ in at most this many of 64 bits; each bit more costs time.",
        json_schema_extra=read_where("method", "simhash", unit="bits"),
    )
    seed: int = Field(
        1,
        ge=0,
        lt=1 << 32,
        description="Chooses the MinHash permutations.",
        json_schema_extra=read_where("method", "minhash"),
    )

    chinese_scripts: ChineseScripts = Field(
        "apart",
        description="Whether texts that differ only in traditional and simplified characters are the same, as unified "
        "ones are, or two (apart). Unified needs the extra 'chinese'.",
        json_schema_extra=neutral("apart"),
    )

    def outside(self) -> Mapping[str, str]:
        """The release of the dictionaries that say which characters are one. Raises `SettingsError` without any."""
        return {PACKAGE: release()} if self.chinese_scripts == "unified" else {}

    @model_validator(mode="after")
    def _bands_can_find_what_is_asked(self) -> Self:
        """Refuse bands that miss most of the pairs at the threshold: a setting the code cannot honour."""
        found = 1 - (1 - self.jaccard_at_least**self.rows) ** self.bands
        if self.method == "minhash" and found < 0.5:
            raise ValueError(
                f"bands={self.bands}, rows={self.rows} would find only {found:.0%} of the pairs at "
                f"jaccard_at_least={self.jaccard_at_least}: give more bands, fewer rows or a higher jaccard_at_least"
            )
        return self
