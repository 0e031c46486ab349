"""The languages that documents are told to be in, by their names in ISO 639-1, and settings that name some of them.

What is recognized and has no such name (Cantonese, Egyptian Arabic) counts as a language that is not known.
"""

from typing import Annotated

from pydantic import AfterValidator

NAMES = """
af am an ar as az ba be bg bn br bs ca cs cy da de dz el en eo es et eu fa fi fo fr fy ga gd gl gu ha he hi hr ht hu
hy id ig is it ja jv ka kk km kn ko ku ky la lb lg ln lo lt lv mg mk ml mn mr ms mt my ne nl nn no oc om or pa pl ps
pt qu ro ru rw sa se si sk sl sn so sq sr st sv sw ta te tg th tk tl tr tt ug uk ur uz vi vo wa xh yo zh zu
"""
TOLD = frozenset(NAMES.split())


def _known(name: str) -> str:
    if name not in TOLD:
        raise ValueError(
            f"no document is told to be in {name!r}, so it would keep none. Names are those of ISO 639-1 (en: English, "
            f"zh: Chinese); known are {' '.join(sorted(TOLD))}"
        )
    return name


def _in_order(languages: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """They are a set: in which order they are given decides nothing, and enters no name."""
    return None if languages is None else tuple(sorted({*languages}))


Languages = Annotated[tuple[Annotated[str, AfterValidator(_known)], ...] | None, AfterValidator(_in_order)]
