"""What models are made of, planted: what is wanted tells of the sea, what is not sells something."""

import json
import random
from pathlib import Path
from typing import Any

WANTED = ("harbour", "lantern", "sailor", "anchor", "tide", "storm", "港口", "船长", "海浪", "灯塔")
UNWANTED = ("discount", "coupon", "casino", "winner", "bargain", "sale", "折扣", "优惠", "中奖", "促销")
COMMON = ("the", "and", "of", "to", "in", "a", "that", "it", "was", "for", "on", "with", "的", "了", "在")


def labelled_text(number: int, *, is_wanted: bool) -> str:
    """A text of forty words, most of them common ones; every number gives another one."""
    dice = random.Random(f"{number} {is_wanted}")
    own = WANTED if is_wanted else UNWANTED
    return " ".join(dice.choice(own if dice.random() < 0.3 else COMMON) for _ in range(40))


def write_examples(folder: Path, *, num: int = 40, **settings: Any) -> dict[str, Any]:
    """The settings of a model `sea` that learns from this folder: `keep` a file of JSON Lines, `drop` one of texts."""
    (folder / "drop").mkdir(parents=True)
    rows = [json.dumps({"text": labelled_text(number, is_wanted=True)}) for number in range(num)]
    (folder / "keep.jsonl").write_text("\n".join(rows), encoding="utf-8")
    for number in range(num):
        text = labelled_text(number, is_wanted=False)
        (folder / "drop" / f"{number}.txt").write_text(text, encoding="utf-8")
    return {"name": "sea", "keep": str(folder / "keep.jsonl"), "drop": str(folder / "drop"), **settings}


def write_reference(folder: Path, *, num: int = 160, **settings: Any) -> dict[str, Any]:
    """The settings of a model `fluency` whose text of reference is what is wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [labelled_text(number, is_wanted=True) for number in range(num)]
    (folder / "reference.txt").write_text("\n".join(texts), encoding="utf-8")
    return {"kind": "perplexity", "name": "fluency", "reference": str(folder / "reference.txt"), **settings}


def write_pipeline(folder: Path) -> str:
    """A folder that a plan takes for a pipeline of spaCy: it has a digest. Nothing can be loaded from it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("config.cfg", "meta.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    return str(folder)


def write_word_list(folder: Path, *more: str, **settings: Any) -> dict[str, Any]:
    """The settings of a model `selling` whose list has what is not wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "selling.txt").write_text("\n".join((*UNWANTED, *more)), encoding="utf-8")
    return {"kind": "word_list", "name": "selling", "terms": str(folder / "selling.txt"), **settings}
