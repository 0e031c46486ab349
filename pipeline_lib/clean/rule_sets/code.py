"""Source code: the filters of The Stack v2 (Lozhkov et al. 2024, arXiv:2402.19173, section 2.3).

Long lines, few letters, encoded data, and files that a program wrote. Rules for single programming languages are left
out. Code is in no natural language: choose it with `languages = "none"`.
"""

from pipeline_lib.clean.rule_set import RuleSet

CODE = RuleSet(
    "code.v1",
    {
        "max_lines.v1": 100_000,
        "max_mean_line_chars.v1": 100,
        "max_line_chars.v1": 1_000,
        "min_letters.v1": 0.25,
        "max_encoded_chars.v1": 0.5,
        "max_encoded_run.v1": 1_024,
        "max_generated_marks.v1": 0,
        "max_replacement_chars.v1": 0.01,
    },
)
