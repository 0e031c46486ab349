"""`nightshift doctor`: what is wrong with a workspace and its machine, each thing with the command that puts it right.

A check is a function from a `Patient` to findings, and its line in `CHECKS`. It changes nothing and takes seconds at
most: one that takes longer is left behind, and said so. What `--fix` does is the `fix` of a finding.
"""
