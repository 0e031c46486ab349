"""What is found in a text, what is not, and that windows change nothing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_lib.scrub.detect import Hit, _without_overlap, find, find_in_window

REGIONS = ("CN", "US", "GB")


def found(text: str) -> list[tuple[str, str]]:
    return [(hit.kind, hit.value) for hit in find(text.encode(), REGIONS)]


def covered(text: str) -> list[str]:
    data = text.encode()
    return [data[hit.start : hit.end].decode() for hit in find(data, REGIONS)]


MOBILE = [
    "13812345678",
    "138 1234 5678",
    "138-1234-5678",
    "138.1234.5678",
    "138·1234·5678",
    "138_1234_5678",
    "1381234 5678",
    "1 3 8 1 2 3 4 5 6 7 8",
    "138  1234  5678",
    "138\u00a01234\u00a05678",
    "138—1234—5678",
    "138\u200b1234\u200b5678",
    "+8613812345678",
    "+86 138 1234 5678",
    "(+86)13812345678",
    "（+86）138－1234－5678",
    "0086-13812345678",
    "１３８１２３４５６７８",
    "𝟏𝟑𝟖𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖",
    "١٣٨١٢٣٤٥٦٧٨",
]


@pytest.mark.parametrize("spelling", MOBILE)
@pytest.mark.parametrize(
    "around", ["{}", "电话{}。", "请联系{}或来信", "<b>{}</b>", "call {}, please", "mobile={}", "tel:{};"]
)
def test_a_mobile_number_is_found_in_every_spelling_and_covered_whole(spelling: str, around: str) -> None:
    text = around.format(spelling)
    assert found(text) == [("phone", "+8613812345678")]
    assert covered(text) == [spelling]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("座机02164185758。", "+862164185758"),
        ("座机（０２１）６４１８－５７５８", "+862164185758"),
        ("021-64185758-801", "+862164185758"),
        ("0755 8234 5678", "+8675582345678"),
        ("客服400-820-8820", "+864008208820"),
        ("+44 20 7946 0958", "+442079460958"),
        ("00 44 20 7946 0958", "+442079460958"),
        ("+41 (0)44 668 18 00", "+41446681800"),
        ("(212) 555-0198", "+12125550198"),
        ("212.555.0198", "+12125550198"),
        ("07400 123 456", "+447400123456"),
        ("Phone:\n467 3395", "4673395"),
        ("Could you call me on 9472 7916?", "94727916"),
        ("电话：6418 5758", "64185758"),
    ],
)
def test_landlines_and_numbers_of_other_countries_are_found(text: str, value: str) -> None:
    assert found(text) == [("phone", value)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("jane@example.org", "jane@example.org"),
        ("邮箱jane@example.org。", "jane@example.org"),
        ("Jane.Doe+x@Mail.EXAMPLE.org", "jane.doe+x@mail.example.org"),
        ("ｊａｎｅ＠ｅｘａｍｐｌｅ．ｏｒｇ", "jane@example.org"),
        ("'jane@example.org'", "jane@example.org"),
        ("?to=jane@example.org&x=1", "jane@example.org"),
        ("j\u200bane@exam\u00adple.org", "jane@example.org"),
        ("jane [at] example [dot] org", "jane@example.org"),
        ("jane(at)example.org", "jane@example.org"),
        ("jane at example dot org", "jane@example.org"),
        ("jane @ example.com", "jane@example.com"),
        ("13812345678@qq.com", "13812345678@qq.com"),
        ("ana@firm.md", "ana@firm.md"),
    ],
)
def test_addresses_are_found_in_every_spelling(text: str, value: str) -> None:
    assert found(text) == [("email", value)]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("来自93.184.216.34的登录", "ip", "93.184.216.34"),
        ("http://93.184.216.34:8080/x", "ip", "93.184.216.34"),
        ("９３．１８４．２１６．３４", "ip", "93.184.216.34"),
        ("[2606:2800:220:1:248:1893:25C8:1946]", "ip", "2606:2800:220:1:248:1893:25c8:1946"),
        ("2606:2800:0220:1::1946", "ip", "2606:2800:220:1::1946"),
        ("身份证11010519491231002X，", "cn_id", "11010519491231002X"),
        ("身份证号：110105 19491231 002x", "cn_id", "11010519491231002X"),
        ("１１０１０５１９４９１２３１００２Ｘ", "cn_id", "11010519491231002X"),
        ("（卡号4111111111111111）", "card", "4111111111111111"),
        ("4111 1111 1111 1111", "card", "4111111111111111"),
        ("4111-1111-1111-1111", "card", "4111111111111111"),
        ("3782 822463 10005", "card", "378282246310005"),
        ("my card 4111111111111111 2026", "card", "4111111111111111"),
    ],
)
def test_net_addresses_identity_numbers_and_cards_are_found(text: str, kind: str, value: str) -> None:
    assert found(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "没有任何个人信息的一句话。",
        "version 1.2.3.4, v10.20.30.40, Chrome/120.0.6099.109, foo==33.44.55.66",
        "4.2.1.3 Results",
        "内网网关为192.168.1.224，本机127.0.0.1，fe80::1，::1，10.0.0.8",
        "1.3.6.1.4.1.311.21",
        "at 12:30:45 std::vector a::b x[2024::2]",
        "c4:82:62:52:2d:e3",
        "logo@2x.png, a @ b.T, @pytest.mark, me@localhost",
        "2023-03-09 2015-2018 11/02/2006 20230309",
        "参与人数37654950966人次，金额27,299.08元，¥13812345678",
        "流水号NO.52822832765262，订单号SN44943821098217，学号2024079004462102019",
        "订单号：13812345678",
        "110105194912310021",  # wrong check digit
        "110105194913310026",  # month 13
        "4111111111111112",  # wrong check digit
        "550e8400-e29b-41d4-a716-446655440000",
        "14.134725142, 146.68862757, 13812345678.5",
        "3*x + 10986328125*y - 14142031250*q",
        "03104 04103 10234 120 1304 01303 021302",
        "sha256:13812345678abcdef",
        "https://example.org/item/13812345678",
    ],
)
def test_look_alikes_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_of_two_overlapping_values_the_longer_one_wins() -> None:
    assert found("13812345678@qq.com") == [("email", "13812345678@qq.com")]


def test_of_overlapping_hits_the_longest_wins_then_the_earlier_kind() -> None:
    long, short, other = Hit("phone", 5, 15, "a"), Hit("email", 3, 8, "b"), Hit("ip", 15, 20, "c")
    assert _without_overlap([short, other, long]) == [long, other]
    assert _without_overlap([Hit("phone", 0, 5, "p"), Hit("card", 0, 5, "c")]) == [Hit("card", 0, 5, "c")]


def test_what_lost_against_a_longer_hit_is_tried_again_without_it() -> None:
    assert covered("phone 467 3395467 3395jane@example.org") == ["467 3395467", "3395jane@example.org"]


def test_dates_beside_a_label_are_no_phone_numbers() -> None:
    assert found("电话：2023-03-09") == found("phone: 12/31/2023") == found("tel 20230309") == []


def test_numbers_without_separators_in_a_row_are_no_landlines() -> None:
    assert found("02164185758") == [("phone", "+862164185758")]
    assert found("02164185758 77") == found("77 02164185758") == []


def test_two_values_side_by_side_are_two() -> None:
    assert found("13812345678/13912345678 110105 19491231 002x") == [
        ("phone", "+8613812345678"),
        ("phone", "+8613912345678"),
        ("cn_id", "11010519491231002X"),
    ]


def test_a_value_far_into_a_text_of_many_bytes_a_character_is_placed_right() -> None:
    text = "夜🌙" * 500 + "电话：138\u200b1234\u200b5678" + "文" * 500
    assert covered(text) == ["138\u200b1234\u200b5678"]


def whole(text: str) -> list[Hit]:
    """The slow plain twin: the whole text is one window."""
    data = text.encode()
    return list(find_in_window(data, 0, len(data), REGIONS))


FILLERS = [
    "夜色",
    "plain words ",
    "\n",
    "1",
    "2023-03-09",
    " - ",
    "电话：",
    "phone: ",
    "é",
    "🌙",
    "a@",
    "." * 9,
    "词" * 200,
]
VALUES = ["13812345678", "jane@example.org", "93.184.216.34", "11010519491231002X", "4111 1111 1111 1111", "467 3395"]


@given(st.lists(st.sampled_from(FILLERS + VALUES), max_size=14))
def test_windows_find_what_the_whole_text_holds(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert find(text.encode(), REGIONS) == whole(text)


@given(st.text(alphabet="0123456789 -.@:xX+()电话aé\u200b１－", max_size=120))
def test_any_text_gives_ordered_hits_on_borders_of_characters(text: str) -> None:
    data = text.encode()
    hits = find(data, REGIONS)
    assert all(data[: hit.start].decode() is not None and data[: hit.end].decode() is not None for hit in hits)
    assert all(first.end <= second.start for first, second in pairwise(hits))


def test_awkward_texts_are_survived() -> None:
    for text in ("\0", "a" * 100_000, "1" * 20_000, "@" * 5_000, "1 " * 5_000, "(" * 5_000, "夜" * 10_000):
        assert found(text) == []
