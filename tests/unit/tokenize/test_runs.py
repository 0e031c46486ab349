"""Long runs are cut where `tokenizers` cuts them, and cost about what other text costs."""

import time

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from pipeline_lib.tokenize import encode, vocabulary
from pipeline_lib.tokenize.runs import LONGEST_RUN, RUNS, cut_long_runs

ALPHABETS = {
    "Thai": "กขคงจฉชซญดตถทธนบปผฝพฟภมยรลวศษสหอะาิีึืุูเแโใไ่้๊๋์",
    "Lao": "ກຂຄງຈຊຍດຕຖທນບປຜຝພຟມຢຣລວສຫອຮະາິີຶືຸູເແໂໃໄ່້",
    "Khmer": "កខគឃងចឆជឈញដឋឌឍណតថទធនបផពភមយរលវសហឡអាិីឹឺុូ",
    "Korean": "가나다라마바사아자차카타파하거너더러머버서어저처",
    "Hiragana": "あいうえおかきくけこさしすせそたちつてとなにぬねの",
    "Latin": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "symbols": "|-+=*_~^<>/\\",
    "blanks": " \t\u3000",
}
SHORT, LONG = 20_000, 80_000  # characters


def run_of(alphabet: str, length: int) -> str:
    """Random, so that its pieces do not repeat."""
    return "".join(np.random.default_rng(length).choice(list(alphabet), length))


def learned(text: str) -> tokenizers.Tokenizer:
    return vocabulary.train([text], vocab_size=2048, min_frequency=2, domain_terms=())


def cpu_seconds(text: str) -> float:
    """To learn from a text and to encode it, with both encoders."""
    started = time.process_time()
    bpe = learned(text)
    ranks = encode.mergeable_ranks(bpe)
    assert ranks is not None
    encode.TiktokenEncoder(ranks, {}).encode([text])
    encode.TokenizersEncoder(bpe).encode([text])
    return time.process_time() - started


def plain_cut(text: str) -> list[str]:
    return [part for part, _ in pre_tokenizers.Split(Regex(RUNS), "isolated").pre_tokenize_str(text)]


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(
        st.tuples(st.sampled_from("aé夜ไ1!🌙 \n\u0301〇"), st.integers(1, 3 * LONGEST_RUN)), min_size=1, max_size=8
    )
)
def test_runs_are_cut_where_tokenizers_cuts_them(runs: list[tuple[str, int]]) -> None:
    text = "".join(character * length for character, length in runs)
    assert cut_long_runs(text) == plain_cut(text)


@settings(deadline=None)  # the first call compiles
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
def test_any_text_is_cut_as_tokenizers_does_it_and_is_whole(text: str) -> None:
    assert "".join(cut_long_runs(text)) == text
    assert cut_long_runs(text) == plain_cut(text)


def test_every_character_has_the_kind_that_tokenizers_gives_it() -> None:
    """In runs that are long enough to be cut, between words that are not."""
    planes = [*range(0x3000), *range(0xA000, 0xD800), *range(0xF900, 0x11000), *range(0x1F000, 0x20020)]
    codes = [*planes, *range(0x32380, 0x32420), *range(0xE0000, 0xE0220), 0x10FFFF]
    text = " x ".join(chr(code) * LONGEST_RUN for code in codes)
    assert cut_long_runs(text) == plain_cut(text)


def test_ordinary_words_stay_whole() -> None:
    words = "Donaudampfschifffahrtskapitän hippopotomonstrosesquippedaliof electroencephalographically"
    assert max(map(len, words.split())) == LONGEST_RUN - 1
    assert cut_long_runs(words) == [words]


@pytest.mark.parametrize("name", ALPHABETS)
def test_no_piece_is_long(name: str) -> None:
    bpe = learned("The night is young.")
    pieces = bpe.pre_tokenizer.pre_tokenize_str(run_of(ALPHABETS[name], 5000))
    assert max(end - start for _, (start, end) in pieces) <= LONGEST_RUN


@pytest.mark.parametrize("name", ALPHABETS)
def test_both_encoders_give_the_same_ids_in_long_runs(name: str) -> None:
    text = "a night " + run_of(ALPHABETS[name], 3000) + "123 夜间\n" + run_of(ALPHABETS[name], 100)
    bpe = learned(text)
    ranks = encode.mergeable_ranks(bpe)
    assert ranks is not None
    assert encode.TiktokenEncoder(ranks, {}).encode([text]) == encode.TokenizersEncoder(bpe).encode([text])
    assert bpe.decode(bpe.encode(text).ids) == text


@pytest.mark.parametrize("name", ALPHABETS)
def test_a_run_four_times_as_long_costs_about_four_times_as_much(name: str) -> None:
    """Uncut, four times as long takes sixteen times the time, or never ends."""
    cpu_seconds(run_of(ALPHABETS[name], 1000))
    short, long = (cpu_seconds(run_of(ALPHABETS[name], length)) for length in (SHORT, LONG))
    assert long <= 8 * short + 0.2
