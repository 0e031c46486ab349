"""Numbers as people read them."""


def counted(count: int, noun: str) -> str:
    """So many of a thing whose plural ends in s: "1 file", "4,236 files"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
