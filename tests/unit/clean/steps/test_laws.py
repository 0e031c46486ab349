"""What holds of every step: right text stays, twice is once, what is not asked for needs no change."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.steps import STEPS, settings_read
from pipeline_lib.clean.steps.apply import changed_texts
from pipeline_lib.clean.steps.step import Step
from tests.unit.clean.steps.conftest import went

RIGHT = {
    "Chinese": "他说：“夜里没有人值班！”——《账本》第３版，共１２页（含附录）……真的吗？是的；完。\n　　第二段。",
    "traditional": "「夜裡沒有人值班。」她說，『機器自己讀完了。』第二十三條、第四項；（完）",
    "Japanese": "「夜勤」は、ＡＢＣ社の機械が１人で読む。ｶﾀｶﾅ、カタカナー〜、々、…そして「Ｔシャツ」！",
    "Korean": "밤에는 아무도 일하지 않는다. “기계가 읽는다.” (끝)",
    "Arabic": "لا أحد يعمل في الليل؛ الآلة تقرأ، أليس كذلك؟ هـ\u200d، ١٢٫٥٪، \u2067abc\u2069 و\u200fنص.",
    "Persian": "می\u200cخواهم کتاب\u200cها را بخوانم.",
    "Hindi": "रात में कोई नहीं। क्\u200dष और क्\u200cष अलग हैं; हिन्दी में ज़।",
    "Bengali": "র\u200d্যাব এবং য\u09bc",
    "Sinhala": "ශ්\u200dරී ලංකාව",
    "Thai": "กลางคืน\u200bไม่มี\u200bใคร\u200bทำงาน ๑๒๓",
    "Khmer": "យប់\u200bនេះ\u200bគ្មាន\u200bអ្នក",
    "Hebrew": "בְּרֵאשִׁית בָּרָא אֱלֹהִים\u200f (אבג) \u200eabc\u200e שלום!",
    "Vietnamese": "Đêm nay không ai làm việc ở Việt Nam.",
    "Portuguese": "«MAÇÃ» e “IRMÃ” — não é só isso…",
    "French": "« Où est l’œuvre ? » demanda-t-il\xa0; 25\u202f%.",
    "Greek and Cyrillic": "Ἐν ἀρχῇ ἦν ὁ λόγος. Ёлка, й и ї.",
    "emoji": "👩\u200d👩\u200d👧 👍🏽 ❤️\u200d🔥 🏳️\u200d🌈 1️⃣ 🇨🇳",
    "flag of a region": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "code": "def f(x):\n\treturn {'a':  x[1], \"b\": `x`}  # <b>, &amp;, {{ y }}\n\n\n\nif x <T> 3 && y:\r",
    "HTML": "Write `<p>` as &lt;p&gt;, and &amp;lt; as it is; List<String> a<b>c",
    "LaTeX": "\\frac{{a}_{b}}{c^{2}} \\\\ & x \\, $\\mathbb{R}^{n}$ %[edit]",
    "table": "| a    |  b |\n|:-----|---:|\n| x\xa0y  |  1 |\n",
    "symbols": "½ ² ™ ﬁ ﬂ ㎡ № ℃ ① Ⅷ ｡ Å →",
    "addresses": "https://e.org/?a=1&utm_source=x#y, a@b.example",
    "ASCII": "plain\n\ttext  with   blanks   \n\n\n\nand [1] notes.",
}  # fmt: skip


@pytest.mark.parametrize("script", RIGHT)
def test_what_is_on_by_default_leaves_right_text_alone(script: str) -> None:
    text = RIGHT[script].replace("\r", "")
    after, counts = changed_texts(CleanSettings(), pa.array([text], pa.large_string()))
    assert after[0].as_py() == text
    assert not any(count.num_changed for count in counts.values())


OWN = CleanSettings(boilerplate_lines=("own line",))
MEANT_FOR = {  # a step that is for such text, and may change it
    "full_width.v1": {"Chinese", "Japanese"},
    "tags.v1": {"HTML", "code"},
    "wiki_residue.v1": {"LaTeX"},
    "tracking.v1": {"addresses"},
    "blank_lines.v1": {"ASCII", "code"},
    "blank_runs.v1": {"ASCII", "code", "table"},
}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_right_text_that_a_step_is_not_for_stays_as_it_is(step: Step) -> None:
    for script in RIGHT.keys() - MEANT_FOR.get(step.name, set()):
        text = RIGHT[script].replace("\r", "")
        assert went([text], step.name)[0] == [text], script


PIECES = st.sampled_from(
    [
        *(
            "a",
            " ",
            "\n",
            "  ",
            "\n\n\n",
            "\u3000",
            "\t",
            "。",
            "你",
            "Ａ",
            "９",
            "．",
            "：／／",
            "\u0301",
            "â€™",
            "\r",
            "\x07",
        ),
        *("\u200b", "\u200c", "\u200d", "\u00ad", "\u200e", "\u202e", "ก", "ש", "👩", "\U0001f3f4", "\U000e0067"),
        *("<b>", "<", ">", "</", "b>", "<br/>", "`", "```", "&", "amp;", "#112;", "&lt;", "&nbsp;", "<!--", "-->"),
        *("[edit]", "[", "edit]", "{{reflist}}", "{{cite|", "}}", "Privacy policy", "责任编辑："),
        *("https://e.org/", "?utm_source=x", "&utm_id=2", "&amp;", "?"),
        *("â€™", "\r", "\x07", "own line"),
        "A line of text that is long enough to stay.\n",
    ]
)
TEXTS = st.lists(PIECES, max_size=24).map("".join)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_a_step_done_twice_is_done_once(step: Step, texts: list[str]) -> None:
    once, _ = went(texts, step.name)
    assert went(once, step.name)[0] == once


@pytest.mark.parametrize("step", [step for step in STEPS if step.changes(OWN)], ids=lambda step: step.name)
@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3))
def test_a_text_that_is_not_asked_for_needs_no_change(step: Step, texts: list[str]) -> None:
    column = pa.array(texts, pa.large_string())
    (change,) = step.changes(OWN)
    made = change.make(column).to_pylist()
    for text, is_asked, after in zip(texts, change.asks(column).to_pylist(), made, strict=True):
        assert is_asked or after == text


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
@settings(max_examples=30, deadline=None)
@given(st.lists(TEXTS, min_size=2, max_size=4))
def test_what_stands_beside_a_text_decides_nothing(step: Step, texts: list[str]) -> None:
    assert went(texts, step.name)[0] == [went([text], step.name)[0][0] for text in texts]


def test_names_are_versioned_unique_and_said_for_people() -> None:
    names = [step.name for step in STEPS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+\.v[0-9]+", name) for name in names)
    assert all(step.about for step in STEPS)


def test_steps_read_settings_that_there_are() -> None:
    assert set(settings_read()) <= set(CleanSettings.model_fields)
