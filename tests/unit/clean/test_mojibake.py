"""What is right stays as it is, whatever stands beside its accents; what is surely broken is made whole."""

import unicodedata
from itertools import product

import ftfy.bad_codecs  # noqa: F401  the codecs sloppy-windows-1252 and its kin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline_lib.clean.repair import repair

WORDS = (
    "MAÇÃ", "IRMÃ", "TUPÃ", "AMANHÃ", "maçã", "amanhã", "CAFÉ", "VOCÊ", "ALÔ", "AVÓ", "PERÚ", "SOFÁ", "OLÉ", "PINGÜINO",
    "ESPAÑA", "CITTÀ", "PERCHÉ", "LUNEDÌ", "PIÙ", "CIÒ", "NOËL", "HAÏ", "GOÛT", "DÛ", "CŒUR", "déjà", "ÉTÉ", "BELGIË",
    "MENÜ", "GRÖẞE", "Größe", "HÂLÂ", "hâlâ", "RESMÎ", "ÇOĞU", "ŁÓDŹ", "ŻÓŁĆ", "VÝŠKA", "VÁŽENÝ", "ÚŽAS", "PŘÍŠTÍ",
    "MÔŽE", "NÔŽ", "NAŠÍ", "MÃ", "XÃ", "ĐÃ", "LÊ", "CÔ", "HÀ", "BLÅ", "SJÖ", "FÆRØ", "VIÐ", "ÞÚ", "TÖÖ", "COBORÎ",
    "ΚΑΦΈ", "Ελλάδα", "РОССИЯ", "ВСЁ", "ЇЖАК", "É", "Ó", "Ö", "Å", "Í", "苹果", "中É",
)  # fmt: skip
SIGNS = (
    "“{}”", "‘{}’", "«{}»", "»{}«", "„{}“", "„{}”", "‚{}‘", "‹{}›", "›{}‹", "”{}”", "« {} »", "«\xa0{}\xa0»", "“{}”.",
    "«{}», “{}”", "{}…", "{}…”", "“{}…»", "{}–{}", "{} – {}", "{}—{}", "—{}—", "{}™", "{}®", "{}©", "{}\xa0{}",
    "{}\xa0€", "{}\xa0:", "{}²", "{}¹", "{}³", "{}·{}", "{}•", "• {}", "{}†", "{}‡.", "{}\xad{}", "(“{}”)", "{}’s",
    "d’{}»", "*“{}”*", "“{}”—{}", "“{}”的", "¿{}?", "¡{}!", "{}ª", "1ª {}", "5€ {}", "´{}´", "{}×{}",
)  # fmt: skip
FRAMES = (
    "{}",
    "A palavra do dia é {}.",
    "Le mot {} est là, c’est déjà ça.",
    "Das Wort {} heißt „schön“.",
    "Žluťoučký kůň: {}!",
    "Tiếng Việt {} đã được",
    "这个词{}是什么？",
)
SENTENCES = {
    "pt": "A maçã não caiu; “você” não é irmã da avó, disse o pai, que já não comia pão.",
    "es": "El señor pingüino comió jamón en la montaña: ¿qué más quería?",
    "fr": "L’élève a déjà mangé du pâté à Noël, près de la forêt où naît l’été.",
    "de": "Größere Bären mögen süße Äpfel und schöne Straßen über den Flüssen.",
    "tr": "İstanbul’da öğrenciler çoğu gün şekerli çay içer, güneş doğarken.",
    "pl": "Zażółć gęślą jaźń, powiedział człowiek, i poszedł spać do łóżka.",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy o nejvyšších věžích.",
    "vi": "Tiếng Việt là ngôn ngữ của người Việt và được nhiều người nói.",
    "el": "Ο άνθρωπος γεννιέται ελεύθερος και ίσος στην αξιοπρέπεια.",
    "ru": "Все люди рождаются свободными и равными в своём достоинстве.",
    "zh": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心。",
    "ja": "すべての人間は、生まれながらにして自由であり、平等である。",
    "typography": "It’s the “night shift” – and it doesn’t end… at 5 °C, or does it?",
}


@pytest.mark.parametrize("signs", SIGNS)
def test_signs_beside_a_word_with_accents_leave_it_as_it_is(signs: str) -> None:
    texts = [frame.replace("{}", signs.replace("{}", word)) for word, frame in product(WORDS, FRAMES)]
    assert [text for text in texts if repair(text) != unicodedata.normalize("NFC", text)] == []


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.builds(lambda word, signs: signs.replace("{}", word), st.sampled_from(WORDS), st.sampled_from(SIGNS)),
        min_size=1,
        max_size=6,
    ).map(" ".join)
)
def test_a_line_of_such_words_is_left_as_it_is(text: str) -> None:
    assert repair(text) == text


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("capitals", [False, True], ids=["small", "capitals"])
def test_a_sentence_in_quotes_is_left_as_it_is(language: str, capitals: bool) -> None:
    sentence = SENTENCES[language].upper() if capitals else SENTENCES[language]
    for signs in ("“{}”", "«{}»", "„{}“", "‘{}’…"):
        text = " ".join(signs.replace("{}", word) for word in unicodedata.normalize("NFC", sentence).split(" "))
        assert repair(text) == text


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("charset", ["sloppy-windows-1252", "latin-1"])
def test_a_sentence_that_was_read_in_another_charset_is_made_whole(language: str, charset: str, times: int) -> None:
    broken = SENTENCES[language]
    for _ in range(times):
        broken = broken.encode().decode(charset)
    assert broken != SENTENCES[language]
    assert repair(broken) == SENTENCES[language]


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("cafÃ©", "café"),
        ("CAFÃ‰", "CAFÉ"),
        ("Ã©tÃ©", "été"),
        ("Ã–sterreich", "Österreich"),
        ("StraÃŸe", "Straße"),
        ("ESPAÃ‘A", "ESPAÑA"),
        ("it â€œisâ€\x9d so", "it “is” so"),
        ("5Â\xa0€", "5\xa0€"),
        ("Â© 2020", "© 2020"),
        ("aÂ»", "a»"),
        ("A â†’ B", "A → B"),
        ("czÅ‚owiek wolnoÅ›ci", "człowiek wolności"),
        ("voilÃ\xa0 le", "voilà le"),
        ("naÃ¯ve “IRMÃ”", "naïve “IRMÃ”"),
        ("donâ€™t «MAÇÃ»", "don’t «MAÇÃ»"),
        ("«MAÇÃ» e cafÃ©", "«MAÇÃ» e café"),
    ],
)
def test_what_is_surely_broken_is_made_whole_beside_what_is_right(broken: str, whole: str) -> None:
    assert repair(broken) == whole
