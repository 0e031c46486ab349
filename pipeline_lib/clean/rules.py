"""The quality rules: each one a limit for one signal, under a versioned name.

A rule drops a document and says by `reason` what was wrong with it. The settings may move a limit or switch a rule
off; what a rule means is fixed under its name: a changed meaning gets a new version. The first rule of this list that
a document fails gives its reason, so the plain ones (lengths) come first. Of two versions of a rule the older is off.

The limits that stand here are the set "default"; other sets are in rule_sets/, and a rule that only these have is off
here. Limits are those of Gopher (arXiv:2112.11446, table A1), C4 (arXiv:1910.10683) and FineWeb (arXiv:2406.17557),
except where technical prose or Chinese asks for others; each such place says why. Shares and counts per word are 0..1.
"""

import difflib
from dataclasses import dataclass
from typing import Literal

Bound = Literal["at_least", "at_most"]


@dataclass(frozen=True)
class Rule:
    """A limit for one signal. `only_for` and `not_for` are languages (ISO 639-1); None is every language."""

    name: str
    signal: str
    bound: Bound
    limit: int | float | None  # the default; None is off
    reason: str
    only_for: tuple[str, ...] | None = None
    not_for: tuple[str, ...] = ()
    counted_in: str | None = None  # the signal that says of how many this is a share: judged from FEWEST on

    def applies_to(self, language: str | None) -> bool:
        """Whether documents of this language (None: unknown) are judged."""
        return language not in self.not_for and (self.only_for is None or language in self.only_for)


FEWEST = 5  # of fewer lines, one alone is more than a fifth: it must not decide
CHARACTERS_ARE_WORDS = ("zh", "ja")  # languages in which each character counts as a word

RULES = (
    Rule("min_chars.v1", "num_chars", "at_least", 100, "too_few_characters"),
    Rule("max_chars.v1", "num_chars", "at_most", 1_000_000, "too_many_characters"),
    Rule("min_words.v1", "num_words", "at_least", 50, "too_few_words"),
    Rule("max_words.v1", "num_words", "at_most", 100_000, "too_many_words"),
    Rule("min_mean_word_length.v1", "mean_word_length", "at_least", 3, "words_too_short", not_for=CHARACTERS_ARE_WORDS),
    # Gopher has 10; a README full of URLs and dotted names has 8 on average and is good text up to about 14.
    Rule("max_mean_word_length.v1", "mean_word_length", "at_most", 14, "words_too_long", not_for=CHARACTERS_ARE_WORDS),
    # Gopher has 0.1; Markdown spends two and three of them on a heading.
    Rule("max_hash_signs.v1", "hash_signs_per_word", "at_most", 0.2, "too_many_symbols"),
    Rule("max_ellipses.v1", "ellipses_per_word", "at_most", 0.1, "too_many_ellipses"),
    Rule("max_bullet_lines.v1", "bullet_line_share", "at_most", None, "too_many_bullets"),
    Rule("max_bullet_lines.v2", "bullets_per_segment", "at_most", 0.9, "too_many_bullets", counted_in="num_lines"),
    Rule("max_ellipsis_lines.v1", "ellipsis_line_share", "at_most", None, "too_many_cut_lines"),
    Rule(
        "max_ellipsis_lines.v2", "cut_lines_per_segment", "at_most", 0.3, "too_many_cut_lines", counted_in="num_lines"
    ),
    # Gopher has 0.8; tables of parameters and text with free-standing punctuation lie just below.
    Rule("min_alpha_words.v1", "alpha_word_share", "at_least", 0.7, "too_few_words_with_letters"),
    Rule("min_stop_words.v1", "num_stop_words", "at_least", 2, "too_few_stop_words", only_for=("en",)),
    # FineWeb has 0.12.
    Rule("min_terminal_lines.v1", "terminal_line_share", "at_least", None, "too_few_sentence_ends"),
    # Tables, code and headings of technical prose have no full stop. Thai and Lao end sentences with a blank.
    Rule(
        "min_terminal_lines.v2",
        "ended_segment_share",
        "at_least",
        0.03,
        "too_few_sentence_ends",
        not_for=("lo", "th"),
    ),
    Rule("max_lorem_ipsum.v1", "num_lorem_ipsum", "at_most", 0, "placeholder_text"),
    # C4 drops a document at the first brace; documentation of software may show some.
    Rule("max_curly_braces.v1", "curly_braces_per_word", "at_most", 0.1, "too_many_curly_braces"),
    Rule("max_javascript.v1", "javascript_per_line", "at_most", None, "script_warnings"),
    Rule("max_javascript.v2", "javascript_per_segment", "at_most", 0.2, "script_warnings", counted_in="num_segments"),
    Rule("max_replacement_chars.v1", "replacement_char_share", "at_most", 0.01, "badly_decoded"),
    Rule("max_duplicate_lines.v1", "duplicate_line_share", "at_most", None, "repeated_lines"),
    Rule("max_duplicate_lines.v2", "duplicate_line_share", "at_most", 0.3, "repeated_lines", counted_in="num_lines"),
    Rule("max_duplicate_line_chars.v1", "duplicate_line_char_share", "at_most", 0.2, "repeated_lines"),
    Rule("max_duplicate_paragraphs.v1", "duplicate_paragraph_share", "at_most", None, "repeated_paragraphs"),
    Rule(
        "max_duplicate_paragraphs.v2",
        "duplicate_paragraph_share",
        "at_most",
        0.3,
        "repeated_paragraphs",
        counted_in="num_paragraphs",
    ),
    Rule("max_duplicate_paragraph_chars.v1", "duplicate_paragraph_char_share", "at_most", 0.2, "repeated_paragraphs"),
    Rule("max_top_2_gram.v1", "top_2_gram_char_share", "at_most", 0.2, "repeated_phrases"),
    Rule("max_top_3_gram.v1", "top_3_gram_char_share", "at_most", 0.18, "repeated_phrases"),
    Rule("max_top_4_gram.v1", "top_4_gram_char_share", "at_most", 0.16, "repeated_phrases"),
    *(
        Rule(
            f"max_duplicate_{n}_grams.v1",
            f"duplicate_{n}_gram_char_share",
            "at_most",
            round(0.2 - n / 100, 2) if n > 5 else 0.15,
            "repeated_phrases",
            not_for=CHARACTERS_ARE_WORDS,
        )
        for n in range(5, 11)
    ),
    # Ten Chinese characters are about six words, and statutes repeat the names of bodies that long: their 99th
    # percentile is 0.34, that of encyclopedia paragraphs 0.08.
    Rule(
        "max_duplicate_10_grams_of_characters.v1",
        "duplicate_10_gram_char_share",
        "at_most",
        0.4,
        "repeated_phrases",
        only_for=CHARACTERS_ARE_WORDS,
    ),
    # C4 has 5. Off, because the signal needs `count_sentences`.
    Rule("min_sentences.v1", "num_sentences", "at_least", None, "too_few_sentences"),
    # Of other sets. Their signals are measured where one of these is on (signal_groups/).
    Rule("min_kept_sentences.v1", "num_kept_sentences", "at_least", None, "too_few_sentences"),
    # Thirty Chinese characters are a line of twenty words.
    Rule("max_short_lines.v1", "short_line_share", "at_most", None, "short_lines", not_for=CHARACTERS_ARE_WORDS),
    Rule("max_repeated_line_chars.v1", "repeated_line_char_share", "at_most", None, "repeated_lines"),
    Rule("max_newlines.v1", "newlines_per_word", "at_most", None, "too_many_lines"),
    Rule("max_noise_lines.v1", "noise_line_word_share", "at_most", None, "too_many_noise_lines"),
    Rule("min_han_chars.v1", "han_char_share", "at_least", None, "too_few_chinese_characters", only_for=("zh",)),
    Rule("min_mean_line_chars.v1", "mean_line_chars", "at_least", None, "lines_too_short"),
    Rule("max_mean_line_chars.v1", "mean_line_chars", "at_most", None, "lines_too_long"),
    Rule("max_line_chars.v1", "longest_line_chars", "at_most", None, "lines_too_long"),
    Rule("max_lines.v1", "num_lines", "at_most", None, "too_many_lines"),
    Rule("min_letters.v1", "letter_char_share", "at_least", None, "too_few_letters"),
    Rule("max_encoded_chars.v1", "encoded_char_share", "at_most", None, "encoded_data"),
    Rule("max_encoded_run.v1", "longest_encoded_chars", "at_most", None, "encoded_data"),
    Rule("max_generated_marks.v1", "num_generated_marks", "at_most", None, "generated_by_a_program"),
)
RULE_BY_NAME = {rule.name: rule for rule in RULES}


def nearest_rule(name: str) -> str:
    """Advice for a name that is no rule."""
    near = difflib.get_close_matches(name, RULE_BY_NAME, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(RULE_BY_NAME)}"
