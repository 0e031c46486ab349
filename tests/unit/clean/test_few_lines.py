"""Rules for lines ask for lines: of a document of few lines, how one of them begins or ends decides nothing."""

from itertools import product
from typing import Any

import pytest

from pipeline_lib.clean.rules import FEWEST, RULES

ENGLISH = (
    "If there is a harbour to be repaired, then it will be the pigeon at our broken pasture. It is not the station but "
    "the wooden letter which they finished on the way to the blanket. After the gentle clerk a library stood at the "
    "teacher, and we opened what there was to be seen. She wrote that cellar and mill had been described by people of "
    "the northern hallway"
)
CHINESE = (
    "今天的会议由镇长主持。委员会周二开会，审议明年的预算。有人询问了新图书馆的费用，以及县里是否愿意分担。"
    "司库表示，这笔钱早在物价上涨之前就已预留。几位居民发言支持该计划。一位女士在集市上收集了四百个签名。市长向她道谢"
)
TAILS = (
    "", ".", ". (AP)", ". – Reuters", ". https://example.org/a", ". #night", ". 🙂", ". [1]", ". Photo: J. Doe", ".)",
    ".”", ".**", "...", "…", ", and so on", ". ©", ". Read more", ". 2026-11-30", ". Tel. 555 0100",
)  # fmt: skip
CHINESE_TAILS = (
    "", "。", "。（完）", "。(完)", "。【完】", "。 https://example.cn/a", "……", "…", "。」", "。』）", "。”",
    "。新华社", "！♥", "。责编：王某", "。#会议#", "。2026年", "，等等", "。[1]",
)  # fmt: skip


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("lines", [1, 2, 3])
def test_how_english_lines_end_decides_nothing(clean: Any, tail: str, lines: int) -> None:
    text = "\n\n".join(f"{ENGLISH.replace('harbour', f'harbour{n}')}{tail}" for n in range(lines))
    assert _line_rules(clean([text])) == set()


@pytest.mark.parametrize("tail", CHINESE_TAILS)
@pytest.mark.parametrize("lines", [1, 2, 3])
def test_how_chinese_lines_end_decides_nothing(clean: Any, tail: str, lines: int) -> None:
    text = "\n".join(f"第{n}天，{CHINESE}{tail}" for n in range(lines))
    assert _line_rules(clean([text])) == set()


def _line_rules(result: Any) -> set[str]:
    """What a document fails; that a test says a thing twice or thrice is not meant."""
    repeats = ("max_top", "max_duplicate")
    return {entry["rule"] for entry in result.ledger[0]["failed"] if not entry["rule"].startswith(repeats)}


@pytest.mark.parametrize(("sign", "text"), product("-*•·", [ENGLISH, CHINESE]))
def test_a_document_of_one_line_that_begins_with_a_bullet_is_kept(clean: Any, sign: str, text: str) -> None:
    assert clean([f"{sign} {text}."]).reasons == [None]


def test_one_mention_of_javascript_in_one_line_is_no_warning(clean: Any) -> None:
    assert clean([ENGLISH.replace("the wooden letter", "the book on JavaScript")]).reasons == [None]


@pytest.mark.parametrize("sign", ["* * *", "---", "(Applause)"])
def test_a_short_line_that_comes_twice_among_few_decides_nothing(clean: Any, sign: str) -> None:
    assert clean([f"{sign}\n\n{ENGLISH}.\n\n{sign}"]).reasons == [None]


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_a_list_whose_points_are_prose_is_no_list(clean: Any, text: str) -> None:
    assert _line_rules(clean(["\n".join(f"- {text}." for _ in range(8))])) == set()


BAD = {
    "menu in lines": ("too_few_sentence_ends", "\n".join(f"Entry {n} of the menu to be seen" for n in range(40))),
    "menu in one line": ("too_few_sentence_ends", " | ".join(f"Entry {n} of the menu to be seen" for n in range(40))),
    "numbered menu": ("too_few_sentence_ends", " ".join(f"{n}. Entry of the menu that is" for n in range(40))),
    "key words": ("too_few_sentence_ends", "cheap watches that are the best, " + ", ".join(
        f"watch{n} to buy and have" for n in range(40)
    )),
    "addresses": ("too_few_sentence_ends", "the links to be of use: " + " ".join(
        f"www.example{n}.org/page and" for n in range(40)
    )),
    "Chinese menu": ("too_few_sentence_ends", " ".join(f"首页 新闻 体育 娱乐 财经 第{n}版" for n in range(30))),
    "Chinese key words": ("too_few_sentence_ends", "，".join(f"北京{n}号搬家公司，价格{n * 7}" for n in range(1, 30))),
    "teasers": ("too_many_cut_lines", "\n".join(
        f"The council of town {n} was to be asked. It is said that the mayor of it... " for n in range(12)
    )),
    "Chinese teasers": ("too_many_cut_lines", "\n".join(
        f"第{n}届委员会周二开会，审议明年第{n * 3}项预算……" for n in range(12)
    )),
    "more": ("too_many_cut_lines", "\n".join(f"What is to be read of the {n}th town is more..." for n in range(12))),
    "list": ("too_many_bullets", "\n".join(f"- the {n}th entry of a list that has no end." for n in range(12))),
    "warnings": ("script_warnings", " ".join(
        f"Page {n} is not to be seen. Switch on JavaScript {n} and have it." for n in range(12)
    )),
    "lines again": ("repeated_lines", "\n".join(
        f"Here is the story of the {n}th of them, to be read and told." + "\nto the top" * 2 for n in range(12)
    )),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_prose_is_dropped_all_the_same(clean: Any, kind: str) -> None:
    reason, text = BAD[kind]
    found = clean([text], languages=None).ledger[0]
    by_rule = {rule.name: rule.reason for rule in RULES}
    assert reason in {by_rule[entry["rule"]] for entry in found["failed"]}


def test_shares_of_lines_are_judged_from_five_lines_on(clean: Any) -> None:
    lines = [
        f"We saw the {n}th of the ships that was to be seen on the way to the town and to the sea..." for n in range(5)
    ]
    assert len(lines) == FEWEST
    assert _line_rules(clean(["\n".join(lines)])) == {"max_ellipsis_lines.v2"}
    assert _line_rules(clean(["\n".join(lines[1:])])) == set()
