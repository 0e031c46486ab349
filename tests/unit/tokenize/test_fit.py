"""Bytes a token by language: what a tokenizer was learned for, and what it meets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import tokenizers

from pipeline_lib.tokenize import fit
from pipeline_lib.tokenize.fit import Fit, fits, learned_fit


class ByTens:
    """A token is ten bytes, or what is left of them; of Chinese one."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [[0] * (len(t.encode()) if "夜" in t else -(-len(t.encode()) // 10)) for t in texts]


ENGLISH, CHINESE = "n" * 100, "夜" * 100  # 100 and 300 bytes


def test_what_a_tokenizer_was_learned_from_is_counted_by_language_and_in_all() -> None:
    learned = learned_fit(ByTens(), [ENGLISH, CHINESE, ENGLISH, ENGLISH], ["en", "zh", None, "en"])
    assert learned == {"en": 10.0, "zh": 1.0, "unknown": 10.0, "all": round(600 / 330, 4)}
    assert learned_fit(ByTens(), [], []) == {}


def test_of_a_language_with_much_text_a_part_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "LEARNED_BYTES", 150)
    asked: list[str] = []
    encoder = ByTens()
    monkeypatch.setattr(encoder, "encode", lambda texts: asked.extend(texts) or [[0] for _ in texts])
    learned_fit(encoder, [ENGLISH] * 9 + [CHINESE], ["en"] * 9 + ["zh"])
    assert sorted(asked) == sorted([ENGLISH, ENGLISH, CHINESE])


def counted(**languages: tuple[int, int]) -> Mapping[str, Any]:
    """Sums of tokenize.encode: bytes and tokens by language."""
    sizes = {f"num_bytes_{name}": size for name, (size, _) in languages.items()}
    return {"encoder": "tiktoken", **sizes, **{f"num_tokens_{name}": tokens for name, (_, tokens) in languages.items()}}


def test_each_language_is_compared_with_itself_and_a_new_one_with_all_text() -> None:
    learned = {"en": 4.5, "unknown": 2.0, "all": 4.0}
    found = list(fits(learned, counted(en=(45_000, 10_000), zh=(60_000, 50_000), unknown=(90_000, 9))))
    assert found == [Fit("zh", 1.2, 4.0, is_new=True), Fit("en", 4.5, 4.5, is_new=False)]
    assert [one.is_poor for one in found] == [True, False]


@pytest.mark.parametrize(("now", "is_poor"), [(2.9, True), (3.1, False), (4.5, False), (9.0, False)])
def test_a_fall_by_a_third_is_poor(now: float, is_poor: bool) -> None:
    assert Fit("en", now, 4.5, is_new=False).is_poor == is_poor


def test_of_little_text_and_of_a_tokenizer_of_an_earlier_release_nothing_is_said() -> None:
    assert list(fits({"en": 4.5, "all": 4.5}, counted(zh=(fit.LEAST_BYTES - 1, 9_999)))) == []
    assert list(fits({}, counted(zh=(60_000, 50_000)))) == []


def test_a_tokenizer_says_how_it_fits_its_own_text(write: Any, train: Any) -> None:
    texts = {str(n): f"The night number {n} is young." for n in range(50)}
    folder, outcome = train(write(texts, dict.fromkeys(texts, "en")))
    bpe = tokenizers.Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    num_tokens = sum(len(bpe.encode(text).ids) for text in texts.values())
    num_bytes = sum(map(len, texts.values()))
    assert outcome.facts["bytes_per_token"] == dict.fromkeys(("en", "all"), round(num_bytes / num_tokens, 4))
