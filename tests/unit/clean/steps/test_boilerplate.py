"""Boilerplate lines: whole ones, and never much of a text."""

import re

import pytest

from pipeline_lib.clean.steps.boilerplate_lines import LINES
from tests.unit.clean.steps.conftest import Through, went

STEP, OWN = "boilerplate.v1", "own_lines.v1"
PROSE = "The harbour of the old town keeps a book of all ships that came in since the war.\n" * 4


@pytest.mark.parametrize(
    "line",
    [
        "This website uses cookies to ensure you get the best experience.",
        "Accept all cookies",
        "Facebook | Twitter | WhatsApp",
        "**Share this article on Facebook**",
        "© 2024 The Example Times. All rights reserved.",
        "Subscribe to our weekly newsletter today",
        "[Skip to content]",
        "责任编辑：张三",
        "（责任编辑：李四）",
        "扫码关注我们的公众号",
        "长按识别二维码",
        "分享到：微信 微博",
        "版权所有 未经授权不得转载",
        "京ICP备12345678号",
        "上一篇：夜里的机器",
        "未经授权，不得转载",
        "版权所有：某某出版社",
        "Copyright 2021 Example Press",
        "We use cookies to improve your experience on our site.",
        "打印 | 关闭",
    ],
)
def test_such_a_line_goes_and_nothing_else(through: Through, line: str) -> None:
    assert through(f"{PROSE}{line}\n{PROSE}", STEP) == PROSE + PROSE


@pytest.mark.parametrize(
    "line",
    [
        "The law on cookies says that this website uses cookies only when asked, and so on.",
        "He was the editor (责任编辑：张三) of the paper for nine years.",
        "我国的版权所有人有权决定是否转载",
        "Sharing this article with others is what the author asks for.",
        "privacy policy is a field of research",
        "We use cookies to improve " + "and more of it " * 20,
        "We use cookies in this chapter to keep the number of a session.",
        "By using them, servers tell cookies apart.",
        "Copyright law protects works of art.",
        "Enable JavaScript modules with the flag below.",
        "| x | x |",
        "Share",
        "推荐",
        "关闭",
        "未经国务院批准，任何单位不得使用该名称。",
        "未经权利人许可，复制发行其作品的，应当承担责任。",
        "版权所有者有权决定作品的使用方式",
        "长按电源键三秒，识别到设备后松开。",
        "扫描二维码即可登录系统",
        "请关注天气变化",
    ],
)
def test_a_sentence_that_holds_such_words_stays(through: Through, line: str) -> None:
    assert through(PROSE + line, STEP) == PROSE + line


def test_a_text_of_which_they_are_much_stays_whole(through: Through) -> None:
    text = "Privacy policy\nCookie policy\nShort."
    assert through(text, STEP) == text
    assert through(text, STEP, max_boilerplate_share=0.9) == "Short."


def test_lines_of_the_user_are_compared_word_for_word_in_any_case(through: Through) -> None:
    mine = {"boilerplate_lines": ("A (very) own line. *", "内部资料")}
    assert through(f"{PROSE}a (VERY) own line. *\n内部资料\n", OWN, **mine) == PROSE
    assert through(f"{PROSE}A very own line.\n", OWN, **mine) == f"{PROSE}A very own line.\n"


def test_what_went_is_counted() -> None:
    _, counts = went([f"{PROSE}Back to top\n", PROSE], STEP)
    assert (counts[STEP].num_changed, counts[STEP].num_chars_removed) == (1, len("Back to top\n"))


@pytest.mark.parametrize("number", range(len(LINES)))
def test_a_line_of_the_list_matches_no_empty_line(number: int) -> None:
    assert not re.fullmatch(LINES[number], "", re.IGNORECASE)
