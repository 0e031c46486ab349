"""Recall and precision on labelled texts, with the floors that are reached.

Chinese: 600 synthetic texts of our own (tests/assets), with look-alikes (order numbers, prices, wrong check digits,
private addresses). Where the texts of others lie beside the repository also the same behind Wikipedia text, 900 in all,
and 687 synthetic English sentences. All were used while the rules were written; on texts of another kind expect less.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from pipeline_lib.scrub.detect import find
from tests.texts_of_others import DATA, needs_texts_of_others

ASSETS = Path(__file__).parents[2] / "assets"
REGIONS = ("CN", "US", "GB")
KINDS = {
    "PHONE": "phone", "LANDLINE": "phone", "PHONE_NUMBER": "phone", "BANK_CARD": "card", "CREDIT_CARD": "card",
    "ID_CARD": "cn_id", "EMAIL": "email", "EMAIL_ADDRESS": "email", "IP": "ip", "IP_ADDRESS": "ip",
}  # fmt: skip
MIN_RECALL, MIN_PRECISION = 0.999, 0.99

Labelled = tuple[str, list[tuple[str, int, int]]]

needs_them = needs_texts_of_others("the same floors are held on the Chinese texts and laws in tests/assets")


def chinese() -> Iterator[Labelled]:
    packed = (ASSETS / "pii_zh.jsonl.zst").read_bytes()
    for line in zstandard.ZstdDecompressor().stream_reader(packed).read().decode().strip().split("\n"):
        row = json.loads(line)
        yield row["text"], [(span["type"], span["start"], span["end"]) for span in row["spans"]]


def chinese_in_context() -> Iterator[Labelled]:
    for line in (DATA / "pii_zh_synthetic" / "zh_pii.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["text"], [(span["type"], span["start"], span["end"]) for span in row["spans"]]


def english() -> Iterator[Labelled]:
    packed = (DATA / "pii_en_presidio" / "synth_v2_half.jsonl.zst").read_bytes()
    for line in zstandard.ZstdDecompressor().stream_reader(packed).read().decode().strip().split("\n"):
        row = json.loads(line)
        spans = [(s["entity_type"], s["start_position"], s["end_position"]) for s in row["spans"]]
        yield row["full_text"], spans


@pytest.mark.parametrize(
    "texts",
    [
        chinese,
        pytest.param(chinese_in_context, marks=needs_them),
        pytest.param(english, marks=needs_them),
    ],
)
def test_recall_and_precision_of_structured_kinds(texts: object) -> None:
    wanted, covered, found, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for text, spans in texts():  # type: ignore[operator]
        data = text.encode()
        hits = [(h.kind, len(data[: h.start].decode()), len(data[: h.end].decode())) for h in find(data, REGIONS)]
        labels = [(KINDS[name], start, end) for name, start, end in spans if name in KINDS]
        wanted.update(kind for kind, _, _ in labels)
        found.update(kind for kind, _, _ in hits)
        covered.update(k for k, start, end in labels if any(h == k and a <= start and end <= z for h, a, z in hits))
        right.update(h for h, a, z in hits if any(h == k and a < end and start < z for k, start, end in labels))
    assert wanted.total() > 100
    assert min(covered[kind] / wanted[kind] for kind in wanted) >= MIN_RECALL
    assert min(right[kind] / found[kind] for kind in found) >= MIN_PRECISION


LAWS = [
    ASSETS / "laws_zh.jsonl.zst",
    pytest.param(DATA / "text_zh_laws" / "laws.jsonl.zst", marks=needs_them),
]


@pytest.mark.parametrize("path", LAWS, ids=["62", "many"])
def test_laws_hold_no_personal_data(path: Path) -> None:
    lines = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read(8_000_000).split(b"\n")[:-1]
    assert len(lines) >= 62
    assert sum(len(find(line, REGIONS)) for line in lines) == 0
