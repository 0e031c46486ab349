"""Phone numbers: four shapes, and what makes each of them a phone number.

    +44 7700 900123, 0044...      a country code that exists and a possible length (libphonenumber's rules)
    138 1234 5678, (010) 6418...  Chinese mobile and landline numbers, with or without blanks
    (201) 948-1927, 07700 900 123 national numbers of `phone_regions`: valid there and written with separators
    Phone: 467 3395               any 7 to 15 digits with a label before ("call me on", "电话") or behind ("-Fax")

Bare digits are taken without a label only where they are Chinese numbers: 11 digits with those beginnings are rarely
anything else, while one in four 10-digit numbers is a valid number of the United States.
"""

import re
from collections.abc import Callable, Sequence

import phonenumbers

from pipeline_lib.scrub.spot import Spot

INTERNATIONAL = rb"(?:\+|00) ?\d{1,3}(?:[ .\-()]{0,3}\d){6,14}"
CN_MOBILE = rb"(?:\(?(?:\+|00)?86\)?[ \-]{0,2}|0)?1[ .\-]?[3-9](?:[ .\-/_]{0,2}\d){9}"
CN_LANDLINE = rb"\(?0(?:10|2\d|[3-9]\d\d)\)?[ \-]{0,3}\d{3,4}[ \-]?\d{4}|[48]00[ \-]?\d{3,4}[ \-]?\d{3,4}"
NATIONAL = rb"\(?0?\d{2,5}\)?(?:[ .\-/]{1,2}\d{2,6}){1,4}|\(\d{2,5}\)\d{3,4}[ \-]?\d{4}"
LABELLED = rb"\(?\+?\d(?:[ .\-()/]{0,3}\d){6,14}"

_WORDS = (
    r"phone|telephone|tel|mobile|mob|cell|cell ?phone|fax|whatsapp|hotline|contact number|"
    r"(?:call|text|ring|reach) (?:me|us|him|her|them|someone|back) (?:on|at)"
)
_HAN_WORDS = "电话|電話|手机|手機|座机|热线|熱線|专线|传真|致电|来电|拨打|联系方式|联系号码|短信|移动电话"
_FILLERS = r"(?:[ _]?(?:number|no\.?|num|nr|is|are|at|on|me|号码|號碼|号|是|为|為))*"
_PUNCTUATION = r"[\s:：.,#=()\"'*|\-_\[\]]*"
_EARLIER_NUMBER = r"(?:[0-9()+ \-]{7,20}[,、/;或和 ]{1,3})?"
LABEL_BEFORE = re.compile(
    rf"(?i)(?:(?:^|[^a-z])(?:{_WORDS})|(?:{_HAN_WORDS})){_FILLERS}{_PUNCTUATION}{_EARLIER_NUMBER}$"
)
_WORDS_BEHIND = "office|fax|home|mobile|cell|work|tel|办|宅|手机|电话|传真"
LABEL_BEHIND = re.compile(rf"(?i)\s?[-(\[]\s?(?:{_WORDS_BEHIND})")
LABEL_WORD = rf"(?i){_WORDS}|{_HAN_WORDS}|{_WORDS_BEHIND}"
OTHER_NUMBER_BEFORE = re.compile(
    r"(?i)(?:order|invoice|serial|sku|isbn|issn|doi|qq|imei|uid|pid|(?:^|[^a-z])(?:no|id)\.?|"
    r"订单|单号|流水|编号|学号|工号|序列|合同|快递|人数|金额|发票)(?:号码|号)?[\s:：.#=]*$"
)
DATE = re.compile(
    r"(?:19|20)\d\d[ .\-/]\d{1,2}[ .\-/]\d{1,2}|\d{1,2}[./\-]\d{1,2}[./\-](?:19|20)\d\d|(?:19|20)\d{6}|"
    r"(?:19|20)\d\d *[-/] *(?:19|20)\d\d$"
)
MIN_LABELLED_DIGITS = 7
MOBILE_GROUPINGS = frozenset({(11,), (3, 4, 4), (3, 8), (7, 4), (4, 3, 4), (3, 3, 5), (1,) * 11})
IP_LIKE = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")


def international_value(spot: Spot) -> str | None:
    """E.164 of a number that starts with "+" or "00"."""
    if spot.is_cut_out or spot.is_entangled:
        return None
    number = _parsed("+" + re.sub(r"^(?:\+|00)", "", spot.text), None)
    if number is None or not phonenumbers.is_possible_number(number):
        return None
    if not is_labelled(spot) and not spot.text.startswith("+"):
        is_bare = len(spot.groups) == 1  # 00305535206 may be any code
        return None if is_bare or spot.is_in_row or not phonenumbers.is_valid_number(number) else _e164(number)
    is_sum = spot.text.startswith("+ ") and not phonenumbers.is_valid_number(number)
    return None if is_sum else _e164(number)


def cn_mobile_value(spot: Spot) -> str | None:
    """+86 and 11 digits. Unusual grouping, and words such as "订单" before, ask for a label."""
    if not _stands_alone(spot):
        return None
    if not is_labelled(spot) and (not _is_regular(spot) or OTHER_NUMBER_BEFORE.search(spot.before)):
        return None
    return "+86" + spot.digits[-11:]


def cn_landline_value(spot: Spot) -> str | None:
    """+86, area and number; without separators only if the area code exists, as in libphonenumber."""
    if not _stands_alone(spot) or (not is_labelled(spot) and OTHER_NUMBER_BEFORE.search(spot.before)):
        return None
    number = _parsed(spot.text, "CN")
    if number is None or not phonenumbers.is_valid_number(number):
        return None
    is_bare = len(spot.groups) == 1
    is_hotline = spot.digits[0] != "0"
    if is_bare and (is_hotline or spot.is_in_row) and not is_labelled(spot):
        return None
    return _e164(number)


def national_value(regions: Sequence[str]) -> Callable[[Spot], str | None]:
    """What reads national numbers that are valid in one of `regions`."""

    def value(spot: Spot) -> str | None:
        if not _is_phone_written(spot.text) or spot.is_cut_out or spot.is_entangled or _is_other(spot.text):
            return None
        is_american = _is_american(spot.text)
        if spot.is_in_row and not is_american:
            return None
        likely = [r for r in regions if r == "US"] if is_american and "US" in regions else regions
        return next((_e164(number) for number in _national(spot.text, likely)), None)

    return value


def labelled_value(regions: Sequence[str]) -> Callable[[Spot], str | None]:
    """What reads 7 to 15 digits of any shape beside a label: E.164 where `regions` know the number, else the digits."""

    def value(spot: Spot) -> str | None:
        if spot.is_cut_out or len(spot.digits) < MIN_LABELLED_DIGITS or _is_other(spot.text) or not is_labelled(spot):
            return None
        return next((_e164(number) for number in _national(spot.text, regions)), spot.digits)

    return value


def is_labelled(spot: Spot) -> bool:
    """Whether a word beside it says that this is a phone number."""
    return bool(LABEL_BEFORE.search(spot.before) or LABEL_BEHIND.match(spot.after))


def _stands_alone(spot: Spot) -> bool:
    return not spot.is_cut_out and (not spot.is_entangled or is_labelled(spot))


def _is_regular(spot: Spot) -> bool:
    """Whether the last 11 digits are grouped as people group them; other groupings are more often rows of a table."""
    sizes: list[int] = []
    for group in reversed(spot.groups):
        sizes.insert(0, min(len(group), 11 - sum(sizes)))
        if sum(sizes) == 11:
            break
    is_decimal = "." in spot.text and len(sizes) == 2
    return tuple(sizes) in MOBILE_GROUPINGS and not is_decimal


def _is_phone_written(text: str) -> bool:
    """(201) 948-1927, 201-948-1927, 201.948.1927, 07700 900 123: brackets, a dash or a leading zero."""
    has_trunk_zero = re.match(r"\(?0[1-9]", text) is not None and "." not in text and "/" not in text
    return _is_american(text) or has_trunk_zero


def _is_american(text: str) -> bool:
    """Three, three and four digits, not with blanks alone between them."""
    return re.fullmatch(r"(?:\(\d{3}\) ?|\d{3}[.\-])\d{3}[.\- ]\d{4}", text) is not None


def _is_other(text: str) -> bool:
    """A date, an IPv4 address or a decimal number."""
    return bool(DATE.match(text) or IP_LIKE.fullmatch(text) or re.fullmatch(r"\d+\.\d+", text))


def _national(text: str, regions: Sequence[str]) -> list[phonenumbers.PhoneNumber]:
    """The number as read in each region that has such numbers."""
    parsed = [_parsed(text, region) for region in regions]
    return [number for number in parsed if number is not None and phonenumbers.is_valid_number(number)]


def _parsed(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
