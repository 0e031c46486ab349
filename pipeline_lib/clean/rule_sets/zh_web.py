"""Chinese pages of the web: by characters and sentences, where English is judged by words and lines.

- ChineseWebText (Chen et al. 2023, arXiv:2311.01149): 200 characters, 10 in a mean line, 0.3 of them Han, and at most
  half of the text in runs that come again.
- Gopher's shares of repeated lines, paragraphs and short runs (arXiv:2112.11446) and FineWeb's share of ended lines
  (arXiv:2406.17557), asked of sentences where a page has few lines.
- C4's placeholder text and warnings on scripts (arXiv:1910.10683).

Lists of words that a page must not hold are a team's own: `clean.entity_rules` with `clean.entity_limits`.
"""

from pipeline_lib.clean.rule_set import RuleSet

ZH_WEB = RuleSet(
    "zh_web.v1",
    {
        "min_chars.v1": 200,
        "max_chars.v1": 1_000_000,
        "min_mean_line_chars.v1": 10,
        "min_han_chars.v1": 0.3,
        "max_replacement_chars.v1": 0.01,
        "max_bullet_lines.v2": 0.9,
        "max_ellipsis_lines.v2": 0.3,
        "min_terminal_lines.v2": 0.12,
        "max_lorem_ipsum.v1": 0,
        "max_javascript.v2": 0.2,
        "max_duplicate_lines.v2": 0.3,
        "max_duplicate_line_chars.v1": 0.2,
        "max_duplicate_paragraphs.v2": 0.3,
        "max_duplicate_paragraph_chars.v1": 0.2,
        "max_top_2_gram.v1": 0.2,
        "max_top_3_gram.v1": 0.18,
        "max_top_4_gram.v1": 0.16,
        "max_duplicate_10_grams_of_characters.v1": 0.5,
    },
)
