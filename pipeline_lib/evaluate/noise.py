"""Typing noise: characters swapped, left out and doubled, the same for every script.

Changes of case or of neighbouring keys would leave Chinese untouched, so they are not among the kinds.
"""

import random


def disturb(text: str, *, share: float, seed: str) -> str:
    """`text` with about `share` of its characters disturbed; the same for the same seed.

    A seed of its own for each document keeps a document's noise when others come or go.
    """
    generator = random.Random(seed)
    out: list[str] = []
    characters = iter(text)
    for character in characters:
        if generator.random() >= share:
            out.append(character)
            continue
        kind = generator.randrange(3)
        if kind == 0:
            out += [next(characters, ""), character]  # swapped with the next one
        elif kind == 1:
            out += [character, character]
    return "".join(out)
