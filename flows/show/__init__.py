"""Pages for people: plan, status, why, trace, config. They read and print; they change nothing.

One module a command. Tables on a terminal are as wide as it is; a pipe gets lines as long as they are.
"""
