"""How an address can end, and what a landing makes of that.

landed         a new body                              the page lands
same           304, or the body that was there         it stays as it was
what KEEP has  nobody could say how it is tonight      it stays as it was, and is asked for again
the others     it is gone, moved, or not for us        it is withdrawn
"""

LANDED, SAME, GONE, MOVED, FAILED = "landed", "same", "gone", "moved", "failed"
NOT_REACHED = "not_reached"  # the budget was spent before
KEEP = frozenset(
    {
        *(FAILED, NOT_REACHED, "timeout", "unreachable", "private_address", "robots_unreachable", "host_left"),
        *("too_large", "bad_encoding", "forbidden", "no_content"),
    }
)
# What need not be known of the next night: a link will lead there again, or does not.
FORGET = frozenset({GONE, MOVED, "bad_redirect", "too_many_redirects", "out_of_scope", "trap", "url_too_long"})
# Where this is all that there was, nobody was there.
NO_ANSWER = frozenset({FAILED, "timeout", "unreachable", "private_address", "robots_unreachable", "host_left"})
