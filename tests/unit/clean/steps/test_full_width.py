"""Full-width forms."""

import pytest

from tests.unit.clean.steps.conftest import Through

STEP = "full_width.v1"


@pytest.mark.parametrize(
    ("wide", "plain"),
    [
        ("ＡＢＣ公司２０２３年", "ABC公司2023年"),
        ("３．１４％，约等于π", "3.14％，约等于π"),
        ("ｗｗｗ．ｅｘａｍｐｌｅ．ｏｒｇ", "www.example.org"),
        ("ｈｔｔｐ：／／ｅ．ｏｒｇ／ａ＿ｂ？", "http://e.org/a_b？"),
        ("a＠b.org", "a@b.org"),
        ("１９９０－２０００年", "1990-2000年"),
        ("选Ａ，Ｂ；Ｃ！", "选A，B；C！"),
        ("比分３：２（完）", "比分3：2（完）"),
    ],
)
def test_letters_and_digits_become_ascii_and_signs_that_join_them(through: Through, wide: str, plain: str) -> None:
    assert through(wide, STEP) == plain


@pytest.mark.parametrize("text", ["，。！？：；（）", "％", "一＋一＝二", "½ ² ㎡ ﬁ ｶﾅ", "～", "【】《》", "＄ ＃ ＠"])
def test_signs_beside_nothing_latin_and_other_compatible_forms_stay(through: Through, text: str) -> None:
    assert through(text, STEP) == text


def test_an_accent_behind_a_letter_that_became_plain_is_composed_with_it(through: Through) -> None:
    assert through("Ａ\u0300", STEP, "unicode_repair.v1") == "À"
