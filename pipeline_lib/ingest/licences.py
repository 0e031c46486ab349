"""The licence that a file states, by its SPDX name; nothing where that is not sure."""

import re

FILE_NAMES = re.compile(r"(?:un)?licen[cs]e(?:[-._].*)?|copying(?:[-._].*)?", re.IGNORECASE)
DECLARED = re.compile(r"SPDX-License-Identifier:\s*([A-Za-z0-9.+-]+(?:\s+(?:OR|AND|WITH)\s+[A-Za-z0-9.+-]+)*)")
HEAD_CHARS = 2_000
# What stands in each text, in small letters with single blanks; the first whose words are all there.
WORDS = (
    ("Unlicense", ("this is free and unencumbered software released into the public domain",)),
    ("CC0-1.0", ("cc0 1.0 universal",)),
    ("CC-BY-SA-4.0", ("attribution-sharealike 4.0 international",)),
    ("CC-BY-4.0", ("attribution 4.0 international",)),
    ("AGPL-3.0", ("gnu affero general public license", "version 3, 19 november 2007")),
    ("LGPL-3.0", ("gnu lesser general public license", "version 3, 29 june 2007")),
    ("LGPL-2.1", ("gnu lesser general public license", "version 2.1, february 1999")),
    ("GPL-3.0", ("gnu general public license", "version 3, 29 june 2007")),
    ("GPL-2.0", ("gnu general public license", "version 2, june 1991")),
    ("MPL-2.0", ("mozilla public license", "version 2.0")),
    ("EPL-2.0", ("eclipse public license - v 2.0",)),
    ("Apache-2.0", ("apache license", "version 2.0, january 2004")),
    ("BSL-1.0", ("boost software license - version 1.0",)),
    ("Zlib", ("this software is provided 'as-is', without any express or implied", "altered source versions must be")),
    ("ISC", ("permission to use, copy, modify, and/or distribute this software for any purpose",)),
    (
        "BSD-3-Clause",
        ("redistribution and use in source and binary forms", "may be used to endorse or promote products derived"),
    ),
    ("BSD-2-Clause", ("redistribution and use in source and binary forms",)),
    ("MIT", ("permission is hereby granted, free of charge", "without restriction, including without limitation")),
)


def declared_licence(text: str) -> str | None:
    """What a file says of itself at its head."""
    found = DECLARED.search(text[:HEAD_CHARS])
    return " ".join(found[1].split()) if found else None


def licence_of(text: str) -> str | None:
    """Which licence a text is."""
    words = " ".join(text.lower().split())
    return declared_licence(text) or next((name for name, parts in WORDS if all(part in words for part in parts)), None)
