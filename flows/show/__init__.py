"""Pages for people: plan, status, why, trace, config, the end of a night. They read and print; they change nothing.

One module a page. With --json a page is one JSON value for programs, whose keys stay as they are. Tables on a terminal
are as wide as it is; a pipe gets lines as long as they are.
"""
