"""Numbers with a check digit: bank cards (Luhn) and Chinese identity numbers (GB 11643, mod 11-2).

A check digit lets one in ten (Luhn) or one in eleven (mod 11-2) random numbers pass. Cards must also begin as some
issuer's do and be grouped as on a card; identity numbers must also name a province and a day that existed.
"""

import re

from stdnum import luhn
from stdnum.cn import ric
from stdnum.exceptions import ValidationError

from pipeline_lib.scrub.spot import MASKED_LETTER, Spot

CARD = (
    rb"\d{12,19}|\d{4}(?:[ .\-]{1,2}\d{4}){2,3}(?:[ .\-]{1,2}\d{1,4})?|\d{4}[ \-]\d{6}[ \-]\d{4,5}|\d{6}[ \-]\d{10,13}"
)
CN_ID = (
    rb"\d{6}[ \-]{0,2}(?:18|19|20)\d\d[ \-]?\d{4}[ \-]{0,2}\d{3} ?[\dXx]|"
    rb"\d{3} ?\d{3} ?(?:18|19|20)\d\d ?\d{4} ?\d{3}[\dXx]"
)

# Issuers and their lengths: Visa, Mastercard (two ranges), American Express, Diners, JCB, UnionPay, Discover. What is
# rare on cards and frequent on other numbers (Maestro, 13 digits of Visa, Diners' old 2014) needs a label: 64-bit
# integers in program text made most of the false hits.
ISSUERS = re.compile(
    r"4(?:\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|"
    r"3(?:0[0-59]|[689]\d)\d{11,13}|35(?:2[89]|[3-8]\d)\d{12}|(?:2131|1800)\d{11}|62\d{14,17}|"
    r"6(?:011|4[4-9]\d|5\d\d)\d{12}"
)
CARD_LABEL = re.compile(
    r"(?i)(?:(?:^|[^a-z])(?:card|cards|cc|credit|debit|visa|mastercard|amex|maestro|unionpay|pan)|"
    rf"卡号|卡號|银行卡|信用卡|储蓄卡|借记卡|账号|帐号|账户|尾号)[^\d{MASKED_LETTER}]{{0,16}}$"
)
OTHER_LABEL = re.compile(
    r"(?i)(?:(?:^|[^a-z])(?:no|sn|order|invoice|serial|isbn|imei|ean|upc|doi|id|uid|timestamp)|"
    r"订单|单号|流水|学号|编号|工号|序列|条码|发票|运单)(?:号码|号)?[\s:：.#=]*$"
)
ID_LABEL = re.compile(r"(?i)(?:^|[^a-z])(?:id|sfz|idcard|card|identity)[\s:.#=_\-]*$")
# GB/T 2260: north, north-east, east, south, south-west, north-west, Taiwan, Hong Kong and Macao, residents from there.
PROVINCE = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91")


def card_value(spot: Spot) -> str | None:
    """The digits of a card. A label lets any issuer pass; words such as "订单" before ask for one."""
    digits, is_labelled = spot.digits, bool(CARD_LABEL.search(spot.before))
    if spot.is_cut_out or not luhn.is_valid(digits) or len(set(digits)) == 1:
        return None
    if is_labelled:
        return digits
    is_other = spot.is_entangled or bool(OTHER_LABEL.search(spot.before))
    return digits if ISSUERS.fullmatch(digits) and not is_other else None


def cn_id_value(spot: Spot) -> str | None:
    """The 18 characters of an identity number, with a capital X."""
    number = re.sub(r"[ \-]", "", spot.text).upper()
    if spot.is_cut_out or (spot.is_entangled and not ID_LABEL.search(spot.before)):
        return None
    if not PROVINCE.fullmatch(number[:2]) or ric.calc_check_digit(number) != number[-1]:
        return None
    try:
        ric.get_birth_date(number)
    except ValidationError:
        return None
    return number
