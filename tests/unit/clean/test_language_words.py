"""Scots and creoles are not English; English is, whatever it quotes."""

import pyarrow as pa
import pytest

from pipeline_lib.clean import language_words
from pipeline_lib.clean.language_words import RELATIVES, is_relative

SCOTS = (
    "The auld hoose staunds abuin the toun, an whan the wind blaws frae the north ye can hear it a mile awa. "
    "Naebody bides there noo, but the bairns gae up tae play whan their mithers arena leukin.",
    "He didna ken whit tae dae wi himsel efter that. His brither haed gaen ower the watter, an maist o thaim wis deid.",
    "Ah dinnae ken whit ye're on aboot, pal. Ah wis oot wi ma mates aw nicht an ah never seen him.",
    "Ilka bairn haes the richt tae schuilin in thair ain leid, an the cooncil maun see til it.",
    "Whan ye gang tae the shops, mind an get a loaf, twa pints o milk an ony o thae biscuits that's left.",
)
CREOLES = (
    "Di govment don tok say dem go build new road wey go reach all di village wey dey near di river.",
    "Na so e be. Una no sabi wetin dey happen for dis kontri, but we wey dey here, we don see am with our eye.",
    "Di pikin dem de go skul ɛvri de, bɔt di ticha nɔ de kam; na dat mek dɛn nɔ sabi rid.",
    "Yupela olgeta mas save olsem dispela tok i bilong yumi olgeta, na i no bilong wanpela man tasol.",
    "Mi no know weh dem deh, but mi hear seh dem gone a town fi buy food an nah come back yet. Di pickney dem cry.",
    "Olgeta man mo woman we oli stap long kantri ia oli gat raet blong wok, mo bos i mas givim pei long olgeta.",
)
ENGLISH = (
    "The old house stands above the town, and when the wind blows from the north you can hear it a mile away. "
    "Nobody lives there now, but the children go up to play when their mothers are not looking.",
    "Burns wrote: \"The best-laid schemes o' mice an' men gang aft agley, an' lea'e us nought but grief an' pain for "
    "promis'd joy.\" These lines are among the most quoted of his, and what they say of plans that go wrong is "
    "known to many who have never read the poem from which they come, or any other of those that he wrote.",
    '"Dat\'s de way," said Jim, "dem folks ain\'t got no sense." He looked at the river, which had risen in the night, '
    "and told the others that they would have to wait until it was down before any of them could cross with the mules.",
    "At nine o'clock the O'Briens were in Di Canio's bar in Madison, WI; the da Vinci print was on the wall.",
    "NA values in the column are dropped; see dis.dis() and the argument na.rm of the function that reads them.",
    "In Nigerian Pidgin, wetin means what and una means you in the plural; dey is a verb that stands for to be.",
    "Connect the Wi-Fi antenna to the I/O board and switch it on. Set the Wi-Fi mode to access point, reset the I/O "
    "controller, start it again and look at the green lamp. Wi-Fi 6 and the I/O bus use separate clocks.",
    "Thou shalt not; neither do thou: for they that have no law unto themselves are they which were of old.",
)


def told(*texts: str) -> list[bool]:
    found: list[bool] = is_relative(pa.array(texts, pa.large_string())).tolist()
    return found


@pytest.mark.parametrize("text", (*SCOTS, *CREOLES))
@pytest.mark.parametrize("form", [str, str.upper, lambda text: text.replace("'", "’"), lambda text: f"\n\n{text}—" * 3])
def test_a_relative_of_english_is_told(text: str, form: object) -> None:
    assert callable(form)
    assert told(form(text)) == [True]


@pytest.mark.parametrize("text", ENGLISH)
@pytest.mark.parametrize("form", [str, str.upper, lambda text: text.replace("'", "’"), lambda text: f"\n\n{text}—" * 3])
def test_english_is_english_whatever_it_quotes(text: str, form: object) -> None:
    assert callable(form)
    assert told(form(text)) == [False]


def test_each_text_is_judged_by_itself() -> None:
    texts = [text for texts in zip(SCOTS, CREOLES, ENGLISH, strict=False) for text in texts]
    assert told(*texts) == [told(text)[0] for text in texts]


@pytest.mark.parametrize(
    "text", ["", "o", "o o o", "a" * 100_000, "frae", "🙂", "法律", "\u2019", "dɛn", "’Tis’", "é\u2014"]
)
def test_a_word_or_two_tell_nothing(text: str) -> None:
    assert told(text) == [False]


def test_the_majority_decides() -> None:
    even = "o wi frae of with from"
    assert told(even, even + " tae", even + " tae into") == [False, True, False]


def test_so_many_words_in_a_hundred_are_needed() -> None:
    scots, others = "o wi frae hae nae", " ".join(["stone"] * 95)
    assert told(f"{scots} {others}", f"{scots} {others} stone") == [True, False]


def test_two_different_words_are_needed() -> None:
    assert told("frae frae frae", "frae frae hae") == [False, True]


@pytest.mark.parametrize("sign", ["'", "’"])
def test_an_apostrophe_within_a_word_is_part_of_it(sign: str) -> None:
    texts = ("at ten o{}clock in O{}Hara, WI", "a wheen o{} fowk wi{} nae{}", "{}o wi{}", "a{}o wi")
    assert told(*(text.replace("{}", sign) for text in texts)) == [False, True, True, False]


def test_what_holds_digits_or_underlines_is_a_word_of_its_own() -> None:
    assert told("frae hae", "frae1 2hae", "frae_hae is", "pandas.isna fills NA by na_values, NA_frae") == [
        True,
        False,
        False,
        False,
    ]


def test_no_word_is_on_both_sides_and_each_can_be_found() -> None:
    for own, english in RELATIVES:
        assert not set(own.split()) & set(english.split())
    words = {word for lists in RELATIVES for words in lists for word in words.split()}
    keys, kinds = language_words._table()
    found = {int(key).to_bytes(8, "big").lstrip(b"\0").decode() for key in keys[keys > 0]}
    assert found == words
    assert ((keys > 0) == (kinds > 0)).all()
