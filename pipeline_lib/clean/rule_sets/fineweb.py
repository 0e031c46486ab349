"""The rules that FineWeb adds to those of Gopher and C4 (Penedo et al. 2024, arXiv:2406.17557, section 3.6).

All that FineWeb asks is nearly `rule_set = ["gopher", "c4", "fineweb"]`: of C4 it leaves out that lines must end in
punctuation.
"""

from pipeline_lib.clean.rule_set import RuleSet

FINEWEB = RuleSet(
    "fineweb.v1",
    {
        "min_terminal_lines.v1": 0.12,
        "max_short_lines.v1": 0.67,
        "max_repeated_line_chars.v1": 0.01,
        "max_newlines.v1": 0.3,
    },
)
