"""Signals about lines that rule sets of the web ask for, by Arrow over the lines of all texts at once (20 MB/s a core).

short_line_share          lines of at most 30 characters (FineWeb)
newlines_per_word         line ends, also of blank lines (FineWeb)
repeated_line_char_share  characters of lines that came before (FineWeb)
mean_line_chars           characters of a line, blanks around it included; so is the next
longest_line_chars
num_kept_sentences        sentences in lines that C4 keeps: of three words, with an end, without what it takes out
noise_line_word_share     words in lines that RefinedWeb takes out: capitals, numbers, counters, single words, calls

Lines that are blank are no lines. Words are what stands between blanks, and single characters in Chinese and Japanese.
Sources: FineWeb, arXiv:2406.17557, section 3.6; C4, arXiv:1910.10683, section 2.2; RefinedWeb, arXiv:2306.01116,
appendix G.2, which names kinds of lines: the words for them are ours, with their Chinese fellows.
"""

from typing import TYPE_CHECKING

from pipeline_lib.clean.signal_group import SignalGroup

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from pipeline_lib.clean.signal_group import Columns

    Flags = npt.NDArray[np.bool_]
    Counts = npt.NDArray[np.int64]

SIGNALS = (
    "short_line_share",
    "newlines_per_word",
    "repeated_line_char_share",
    "mean_line_chars",
    "longest_line_chars",
    "num_kept_sentences",
    "noise_line_word_share",
)
SHORT_LINE_CHARS = 30
FEWEST_WORDS = 3  # of a line that C4 keeps
MOST_WORDS_OF_A_CALL = 10

_ALONE = r"\p{Han}\p{Hiragana}\p{Katakana}"
WORD = rf"[{_ALONE}]|[^\s\p{{Z}}{_ALONE}]+"
ENDED = r"[.?!\"'。！？”’」』]$"
CUT = r"\.\.\.$"
SENTENCE_END = r"[.?!]+[\"'”’)\]]*(?:\s|$)|[。！？]+"
TAKEN_OUT = r"(?i)javascript|terms of use|privacy policy|cookie policy|(?:uses?|use of) cookies"
NUMBERS = r"^[\p{N}\p{P}\p{Z}]+$"
COUNTED = r"(?:like|share|comment|view|vote|upvote|follower|download|repl(?:y|ie)|retweet|bookmark|subscriber)s?"
COUNTED_ZH = r"(?:阅读|浏览|评论|点赞|转发|收藏|播放|回复|赞)(?:量|数|次数)?"
COUNTER = (
    rf"(?i)^\W*\d[\d.,]*\s*[kmb]?\s+{COUNTED}\W*$"
    rf"|^[^\p{{L}}\p{{N}}]*(?:{COUNTED_ZH}[^\p{{L}}\p{{N}}]*\d[\d.,]*[万亿]?[次人条]?|\d[\d.,]*[万亿]?[次人条]?{COUNTED_ZH})\W*$"
)
CALL = (
    r"(?i)^(?:sign[ -]?(?:in|up)|log[ -]?(?:in|out)|subscribe|登录|注册|扫码)"
    r"|(?:^|[.!?…|>-]\s*)(?:(?:read|see|show|load|view) more|continue reading)[ .…>»]*$"
    r"|(?:阅读全文|查看更多|展开全文)[ .…>»]*$"
    r"|items? in (?:your )?cart|加入购物车"
)


def measure(texts: "pa.LargeStringArray", signals: "Columns") -> "Columns":
    """The signals of `SIGNALS`; texts must not be null."""
    import numpy as np
    import pyarrow.compute as pc

    lists = pc.split_pattern(texts, "\n")
    is_line = np.array(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(lists.flatten())), 0), np.bool_)
    lines = lists.flatten().filter(is_line)
    owners = np.array(pc.list_parent_indices(lists), np.int64)[is_line]
    trimmed = pc.utf8_trim_whitespace(lines)
    lengths, num_words = _counts(pc.utf8_length(lines)), _counts(pc.count_substring_regex(trimmed, WORD))

    def sums(values: "Counts | Flags") -> "npt.NDArray[np.float64]":
        return np.bincount(owners, values.astype(np.float64), len(texts)).astype(np.float64)

    def share(part: "Counts | Flags", whole: "Counts | Flags") -> "npt.NDArray[np.float64]":
        found: npt.NDArray[np.float64] = sums(part) / np.maximum(sums(whole), 1)
        return found

    every, longest = np.ones(len(lines), np.int64), np.zeros(len(texts))
    np.maximum.at(longest, owners, lengths)
    sentences = _counts(pc.count_substring_regex(trimmed, SENTENCE_END))
    return {
        "short_line_share": share(lengths <= SHORT_LINE_CHARS, every),
        "newlines_per_word": _counts(pc.count_substring(texts, "\n")) / np.maximum(signals["num_words"], 1),
        "repeated_line_char_share": signals["duplicate_line_char_share"],
        "mean_line_chars": share(lengths, every),
        "longest_line_chars": longest,
        "num_kept_sentences": sums(np.where(_kept(trimmed, num_words), sentences, 0)),
        "noise_line_word_share": share(np.where(_noise(trimmed, num_words), num_words, 0), num_words),
    }


def _kept(lines: "pa.LargeStringArray", num_words: "Counts") -> "Flags":
    """Whether C4 keeps a line: it ends a sentence, and is none of those that it takes out."""
    is_kept = _found(lines, ENDED) & ~_found(lines, CUT) & ~_found(lines, TAKEN_OUT)
    return is_kept & (num_words >= FEWEST_WORDS)


def _noise(lines: "pa.LargeStringArray", num_words: "Counts") -> "Flags":
    """Whether RefinedWeb takes a line out."""
    import pyarrow.compute as pc

    is_loud = 2 * _counts(pc.count_substring_regex(lines, r"\p{Lu}")) > _counts(pc.utf8_length(lines))
    is_call = _found(lines, CALL) & (num_words <= MOST_WORDS_OF_A_CALL)
    return (num_words <= 1) | is_loud | is_call | _found(lines, NUMBERS) | _found(lines, COUNTER)


def _found(lines: "pa.LargeStringArray", pattern: str) -> "Flags":
    import numpy as np
    import pyarrow.compute as pc

    return np.array(pc.match_substring_regex(lines, pattern), np.bool_)


def _counts(column: "pa.Array") -> "Counts":
    import numpy as np

    return np.array(column, np.int64)


LINES = SignalGroup("lines.v1", SIGNALS, measure)
