"""RefinedWeb (Penedo et al. 2023, arXiv:2306.01116, section 3.2 and appendix G.2).

Gopher's rules for documents, then its own for lines: where lines in capitals, counters, numbers, single words and
calls to sign in or to read more hold over 5 % of the words, the document goes.
"""

from pipeline_lib.clean.rule_set import RuleSet
from pipeline_lib.clean.rule_sets.gopher import GOPHER

REFINEDWEB = RuleSet("refinedweb.v1", {**GOPHER.limits, "max_noise_lines.v1": 0.05})
