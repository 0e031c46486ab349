"""The text of elements as lines: a block is a line, what stands within a sentence breaks none.

Which elements are blocks a vocabulary may say. Of one that nobody knows it shows in the text: an element whose parent
has text of its own beside it stands within a sentence (mixed content), another one is a block.
"""

from collections.abc import Collection

from pipeline_lib.ingest.pieces import Pieces
from pipeline_lib.ingest.xml_events import END, START, TEXT, Event

BREAK = "\x1e"  # XML cannot hold it (XML 1.0, 2.2)
BOUNDS = (" ", BREAK, "")
NO_TEXT, TEXT_OF_ITS_OWN, INLINE = range(3)  # what is known of an open element; all within an inline one is inline

# What breaks a line in DocBook, TEI, DITA, XHTML and JATS, also where its parent has text of its own.
BREAKS_NAMES = """
article abstract body book br break caption cell chapter dd def-item disp-quote div dl dt entry fn h1 h2 h3 h4
h5 h6 head item l label lb lg li line list list-item listitem note ol p para pb pre programlisting row sec sect1
sect2 sect3 section simpara sp speech stanza table td term th title tr ul verse-line
"""
BREAKS = frozenset(BREAKS_NAMES.split())


class Blocks:
    """The lines of some elements, up to a size. `inline`: what stands within a sentence by its vocabulary."""

    def __init__(self, max_bytes: int, inline: Collection[str] = ()) -> None:
        self._inline = inline
        self._pieces = Pieces(max_bytes)
        self._has_text = [NO_TEXT]  # of each element that is open
        self._waits = False  # an element has ended, and what follows says whether it was a block

    @property
    def is_too_long(self) -> bool:
        """Whether there was more text than may be."""
        return self._pieces.is_too_long

    def add(self, event: Event) -> None:
        """Take the next event."""
        kind, name, _ = event
        if kind == TEXT:
            self.add_text(name)
            return
        if self._waits:  # a tag follows at once
            self.break_line()
            self._waits = False
        has_text = self._has_text
        if kind == END:
            has_text.pop()
        if name in BREAKS:
            self.break_line()
        elif not (has_text[-1] or name in self._inline):
            if kind == END:
                self._waits = True
            else:
                self.break_line()
        if kind == START:
            has_text.append(INLINE if name in self._inline or has_text[-1] == INLINE else NO_TEXT)

    def add_text(self, text: str) -> None:
        """Take a text, or a part of one."""
        if not text.isspace():
            self._has_text[-1] = self._has_text[-1] or TEXT_OF_ITS_OWN
            self._waits = False
            self._pieces.add(text)
        elif self._pieces.last not in BOUNDS:
            self._pieces.add(" ")

    def begin(self) -> None:
        """What follows is another region: nothing before it says how it is read."""
        self.break_line()
        self._has_text, self._waits = [NO_TEXT], False

    def break_line(self) -> None:
        """What follows stands on a line of its own."""
        if self._pieces.last not in (BREAK, ""):
            self._pieces.add(BREAK)

    def text(self) -> str:
        """The lines so far, with single blanks between words."""
        text = self._pieces.text()
        for blank in "\t\r\n":
            text = text.replace(blank, " ")
        while "  " in text:  # patterns would make an object of each piece between two blanks
            text = text.replace("  ", " ")
        return text.replace(f" {BREAK}", BREAK).replace(f"{BREAK} ", BREAK).replace(BREAK, "\n").strip(" \n")
