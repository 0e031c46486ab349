"""Rule sets: what is chosen, what of it counts, and what each of them drops."""

from itertools import permutations
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_lib.clean.rule_sets import DEFAULT, SETS, limits_of
from pipeline_lib.clean.rules import RULE_BY_NAME, RULES
from pipeline_lib.clean.settings import CleanSettings, Limit
from pipeline_lib.clean.signal_groups import GROUPS, groups_asked

NAMES = [one.name for one in SETS]


def limits(**given: Any) -> dict[str, float]:
    """The limits that are on."""
    rules = CleanSettings(**given).rules
    return {name: next(iter(limit.model_dump(exclude_none=True).values())) for name, limit in rules.items() if limit}


@pytest.mark.parametrize("name", NAMES)
def test_a_set_has_a_versioned_name_and_limits_of_rules_that_there_are(name: str) -> None:
    word, version = name.split(".v")
    assert NAMES.count(name) == 1 and word != DEFAULT and version.isdigit()
    (one,) = [one for one in SETS if one.name == name]
    assert one.limits and one.limits.keys() <= RULE_BY_NAME.keys()
    assert limits(rule_set=name) == one.limits


def test_without_a_set_the_limits_are_those_that_stand_with_the_rules() -> None:
    assert limits() == limits(rule_set="default") == {r.name: r.limit for r in RULES if r.limit is not None}


def test_a_set_takes_the_place_of_the_usual_limits_and_single_ones_that_of_the_set() -> None:
    settings = CleanSettings(rule_set="gopher", rules={"min_words.v1": {"at_least": 9}, "max_words.v1": "off"})
    assert settings.rules["max_mean_word_length.v1"] == Limit(at_most=10)
    assert settings.rules["min_words.v1"] == Limit(at_least=9)
    assert settings.rules["max_words.v1"] is settings.rules["min_chars.v1"] is None


@pytest.mark.parametrize("order", permutations(("gopher", "zh_web", "default")))
def test_of_several_sets_all_limits_count_and_the_stricter_of_two_in_any_order(order: tuple[str, ...]) -> None:
    settings = CleanSettings(rule_set=order)
    assert settings == CleanSettings(rule_set=sorted(order))
    assert settings.rules["min_chars.v1"] == Limit(at_least=200)  # 100 by default
    assert settings.rules["max_mean_word_length.v1"] == Limit(at_most=10)  # 14 by default
    assert settings.rules["min_han_chars.v1"] == Limit(at_least=0.3)


def test_of_no_set_all_rules_are_off_but_those_that_are_named() -> None:
    assert limits(rule_set=[], rules={"min_words.v1": {"at_least": 7}}) == {"min_words.v1": 7}
    assert set(limits_of((), RULES).values()) == {None}


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("gohper", "there is no rule set 'gohper'; did you mean gopher"),
        ("gopher.v9", "did you mean gopher.v1"),
        ("zzz", "known are default, gopher.v1, c4.v1, fineweb.v1, refinedweb.v1, zh_web.v1, code.v1"),
    ],
)
def test_an_unknown_set_is_refused_with_advice_that_works(name: str, advice: str) -> None:
    with pytest.raises(ValidationError, match=advice) as refused:
        CleanSettings(rule_set=["c4", name])
    assert refused.value.error_count() == 1
    assert CleanSettings(rule_set="gopher").rule_set == ("gopher.v1",)


def test_the_usual_rules_ask_for_no_group_of_signals_and_each_group_is_asked_for_by_a_set() -> None:
    assert groups_asked(CleanSettings().rules) == []
    assert {name for one in NAMES for name in groups_asked(CleanSettings(rule_set=one).rules)} == {
        group.name for group in GROUPS
    }


# What they drop -----------------------------------------------------------------------------------------------------

ENGLISH = """The night shift begins when the last of the writers has gone home.
Machines read what was written during the day, and they decide with care which pages are worth another look.
A page that repeats itself is put aside, and so is one that says nothing at all.
What remains is cut into small pieces, counted twice, and handed to a model that has to learn from it before morning.
Nobody watches, but everything that happens can be read in a ledger the next day."""
CHINESE = """夜里没有人值班，机器自己读完白天写下的文章，然后决定哪些值得留下。重复的页面会被放到一边，没有意义的也是。
剩下的文字被切成小块，统计两遍，再交给模型去学习。到了早上，大家可以在账本里看到每一篇文档的去向。
为什么保留，为什么删除，依据的是哪一条规则，都写得清清楚楚。如果觉得不合适，改一个数字就行，不必重新下载任何东西。
渔民天亮前出海，中午带着满船的鱼回到港口；镇上的孩子跑来看热闹，老人坐在岸边修补旧网，谁也不着急。"""
PROGRAM = "\n".join(f"def area_of_{n}(width, height):\n    return width * height + {n}\n" for n in range(20))
BASE64 = "\n".join("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5" for _ in range(30))
BYTES = ", ".join(f"0x{n:02x}" for n in range(40, 240))

KEPT = {
    "gopher": ENGLISH, "c4": ENGLISH, "fineweb": ENGLISH, "refinedweb": ENGLISH, "zh_web": CHINESE, "code": PROGRAM,
}  # fmt: skip
DROPPED = {
    ("gopher", "min_words.v1"): ENGLISH[:150],
    ("gopher", "max_mean_word_length.v1"): ENGLISH.replace("pages", "p" * 600),
    ("gopher", "min_stop_words.v1"): "\n".join(f"Ships arrived yesterday, carrying {n} boxes." for n in range(30)),
    ("gopher", "max_duplicate_line_chars.v1"): f"{ENGLISH}\n" * 2,
    ("c4", "max_curly_braces.v1"): f"{ENGLISH}\nThis is {{here}} for all to see.",
    ("c4", "max_lorem_ipsum.v1"): f"{ENGLISH}\nLorem ipsum dolor sit amet.",
    ("c4", "min_kept_sentences.v1"): ENGLISH.replace(".", ";"),
    ("fineweb", "min_terminal_lines.v1"): ENGLISH.replace(".", ";"),
    ("fineweb", "max_short_lines.v1"): "\n".join(f"We saw the {n}th of the ships." for n in range(20)),
    ("fineweb", "max_repeated_line_chars.v1"): f"{ENGLISH}\nIt is all read at once.\nIt is all read at once.",
    ("fineweb", "max_newlines.v1"): "\n\n".join(f"Seen: {n}." for n in range(50)),
    ("refinedweb", "max_noise_lines.v1"): f"{ENGLISH}\n" + "SIGN IN TO SEE THE REST\n3 likes\nHome\n" * 5,
    ("zh_web", "min_chars.v1"): CHINESE[:190],
    ("zh_web", "min_mean_line_chars.v1"): "\n".join(f"{CHINESE[n : n + 5]}。" for n in range(150)),
    ("zh_web", "min_han_chars.v1"): "\n".join(f"仓库里有 {n * 123456789012} 吨。" for n in range(1000, 1030)),
    ("zh_web", "min_terminal_lines.v2"): "\n".join(f"北京{n}号仓库搬家公司价格表 上海{n}号仓库" for n in range(30)),
    ("code", "max_mean_line_chars.v1"): PROGRAM.replace("\n", "; ").replace("def", "\ndef", 9),
    ("code", "max_line_chars.v1"): PROGRAM + f"\nDATA = [{', '.join(f'name_{n}' for n in range(200))}]\n" + PROGRAM * 4,
    ("code", "min_letters.v1"): "\n".join(f"x{n} = [{n}.0, -{n}.5, {n * n}, 0.1]" for n in range(50)),
    ("code", "max_encoded_chars.v1"): f"KEY = '''{BASE64}'''",
    ("code", "max_encoded_run.v1"): f"{PROGRAM * 5}\nKEY = '''{BASE64}'''",
    ("code", "max_generated_marks.v1"): f"# This file was automatically generated by a tool\n{PROGRAM}",
}  # fmt: skip


def judged(clean: Any, name: str, text: str) -> set[str]:
    """The rules that a text fails."""
    result = clean([text], rule_set=name, languages=None, entity_rules=())
    return {entry["rule"] for entry in result.ledger[0]["failed"]}


@pytest.mark.parametrize("name", KEPT)
def test_a_set_keeps_what_it_is_for(clean: Any, name: str) -> None:
    assert judged(clean, name, KEPT[name]) == set()


@pytest.mark.parametrize(("name", "rule"), DROPPED)
def test_a_set_drops_by_each_of_its_own_rules(clean: Any, name: str, rule: str) -> None:
    assert rule in judged(clean, name, DROPPED[name, rule])


def test_hexadecimal_data_is_encoded_data_and_a_table_of_numbers_is_none(clean: Any) -> None:
    assert "max_encoded_chars.v1" in judged(clean, "code", f"const char data[] = {{{BYTES}}};")
    table = "\n".join(f"row_of_table({n * 1.25}, {n * 131})" for n in range(100, 150))
    assert "max_encoded_chars.v1" not in judged(clean, "code", table)


def test_limits_for_chinese_are_not_asked_of_english(clean: Any) -> None:
    assert judged(clean, "zh_web", ENGLISH) == set()
    assert "max_short_lines.v1" not in judged(clean, "fineweb", CHINESE.replace("，", "。\n"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("words", ["whitespace", "spacy"])
def test_every_set_survives_awkward_text(clean: Any, english: str, name: str, words: str) -> None:
    awkward = [
        "",
        "\x00",
        "w" * 100_000,
        "🙂" * 1000,
        "\n" * 1000,
        "。" * 1000,
        "\ufffd",
        "\u2028 \r\x85",
        "IS_ALPHA " * 9,
    ]
    result = clean([*awkward, english], rule_set=name, words=words, languages=None)
    assert len(result.ledger) == len(awkward) + 1
    assert all(value == value for row in result.signals for value in row.values())  # no NaN


@pytest.mark.parametrize("rows_in_a_piece", [1, 2])
def test_how_the_input_was_cut_decides_nothing(clean: Any, rows_in_a_piece: int) -> None:
    texts = [*KEPT.values(), "", *DROPPED.values()]
    whole, cut = (
        clean(texts, rule_set=NAMES, languages=None, rows_in_a_piece=number).ledger for number in (100, rows_in_a_piece)
    )
    assert whole == cut


def test_signals_of_groups_are_columns_behind_the_usual_ones(clean: Any) -> None:
    usual, more = (list(clean([ENGLISH], rule_set=name).signals[0]) for name in ("default", "code"))
    assert more[: len(usual)] == usual
    assert set(more[len(usual) :]) == {signal for group in GROUPS for signal in group.signals}
