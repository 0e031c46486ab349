"""What is looked for in a stream of events: short texts, and regions whose text is the document.

Each is an element known by its parent and its own name. An element in a region is no more looked for.
"""

from collections.abc import Collection, Mapping

from pipeline_lib.ingest.xml_blocks import Blocks
from pipeline_lib.ingest.xml_events import END, START, TEXT, Event

MAX_CHARS, MAX_TEXTS = 1_000, 100  # of one text, and under one key
Wanted = Mapping[tuple[str, str], str]  # (parent, name) -> key
REGION, TITLE = "", "title"  # keys: of text of the document, and of a short one that is a line of it, too


class Picked:
    """What was found so far, by key; regions go to `blocks`, without what is left out of them."""

    def __init__(self, wanted: Wanted, blocks: Blocks | None = None, left_out: Collection[str] = ()) -> None:
        self.found: dict[str, list[str]] = {}
        self.path = [""]  # names of the open elements, from the root
        self._wanted, self._blocks, self._left_out = wanted, blocks, left_out
        self._key: str | None = None  # of the open element that was looked for
        self._depth, self._text = 0, ""
        self._num_left_out = 0  # open tags in what is left out

    def add(self, event: Event) -> None:
        """Take the next event."""
        kind, name, _ = event
        path = self.path
        if kind == START:
            parent = path[-1]
            path.append(name)
            if self._key is None:
                key = self._wanted.get((parent, name))
                if key is not None:
                    self._begin(key)
                return
        elif kind == END:
            path.pop()
            if self._depth == len(path) and self._key is not None:
                self._end(self._key)
        if self._key is not None:
            self._take(event)

    def first(self, key: str) -> str | None:
        """The first text under a key."""
        return next(iter(self.found.get(key, ())), None)

    def all(self, key: str) -> str | None:
        """All texts under a key, one after the other."""
        return "; ".join(self.found.get(key, ())) or None

    def take(self, key: str) -> str | None:
        """The first text under a key, which is then forgotten."""
        return next(iter(self.found.pop(key, ())), None)

    def _begin(self, key: str) -> None:
        self._key, self._depth, self._text = key, len(self.path) - 1, ""
        if key == REGION and self._blocks:
            self._blocks.begin()

    def _take(self, event: Event) -> None:
        kind, name, _ = event
        if self._num_left_out:
            self._num_left_out += (kind == START) - (kind == END)
        elif kind == START and name in self._left_out:
            self._num_left_out = 1
        elif self._key == REGION and self._blocks:
            self._blocks.add(event)
        elif kind == TEXT and len(self._text) < MAX_CHARS:
            self._text += name[:MAX_CHARS]

    def _end(self, key: str) -> None:
        self._key = None
        text = " ".join(self._text.split())[:MAX_CHARS]
        if not text:
            return
        texts = self.found.setdefault(key, [])
        texts.extend([text][: MAX_TEXTS - len(texts)])
        if key == TITLE and self._blocks:
            self._blocks.begin()
            self._blocks.add_text(text)
