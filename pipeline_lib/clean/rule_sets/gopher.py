"""Gopher (Rae et al. 2021, arXiv:2112.11446, section A.1.1 and table A1): quality, then repetition.

As the paper has them, for English; rules about the length of words and about runs of five words and more are not asked
of text whose characters are words (Chinese, Japanese), that on stop words of English alone.
"""

from pipeline_lib.clean.rule_set import RuleSet

GOPHER = RuleSet(
    "gopher.v1",
    {
        "min_words.v1": 50,
        "max_words.v1": 100_000,
        "min_mean_word_length.v1": 3,
        "max_mean_word_length.v1": 10,
        "max_hash_signs.v1": 0.1,
        "max_ellipses.v1": 0.1,
        "max_bullet_lines.v1": 0.9,
        "max_ellipsis_lines.v1": 0.3,
        "min_alpha_words.v1": 0.8,
        "min_stop_words.v1": 2,
        "max_duplicate_lines.v1": 0.3,
        "max_duplicate_line_chars.v1": 0.2,
        "max_duplicate_paragraphs.v1": 0.3,
        "max_duplicate_paragraph_chars.v1": 0.2,
        "max_top_2_gram.v1": 0.2,
        "max_top_3_gram.v1": 0.18,
        "max_top_4_gram.v1": 0.16,
        "max_duplicate_5_grams.v1": 0.15,
        "max_duplicate_6_grams.v1": 0.14,
        "max_duplicate_7_grams.v1": 0.13,
        "max_duplicate_8_grams.v1": 0.12,
        "max_duplicate_9_grams.v1": 0.11,
        "max_duplicate_10_grams.v1": 0.1,
    },
)
