"""C4 (Raffel et al. 2020, arXiv:1910.10683, section 2.2): what it drops pages for.

C4 also takes single lines out of a page. Nothing is taken out here: lines that it would not keep count for none of the
five sentences that a page must have.
"""

from pipeline_lib.clean.rule_set import RuleSet

C4 = RuleSet(
    "c4.v1",
    {
        "max_lorem_ipsum.v1": 0,
        "max_curly_braces.v1": 0,
        "min_kept_sentences.v1": 5,
    },
)
