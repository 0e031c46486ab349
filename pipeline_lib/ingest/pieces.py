"""A text that comes in pieces, up to a size."""

MANY = 1 << 14  # so many pieces are put together: a short one takes eighty bytes as an object of its own


class Pieces:
    """The pieces so far; nothing, once they are too long."""

    def __init__(self, max_chars: int) -> None:
        self.last, self.is_too_long = "", False
        self._left = max_chars
        self._whole: list[str] = []
        self._parts: list[str] = []

    def add(self, part: str) -> None:
        """Take the next piece."""
        self._left -= len(part)
        if self._left < 0:
            self.is_too_long, self._whole, self._parts = True, [], []
            return
        self.last = part
        self._parts.append(part)
        if len(self._parts) == MANY:
            self._whole.append("".join(self._parts))
            self._parts = []

    def text(self) -> str:
        """The text so far."""
        return "".join([*self._whole, *self._parts])
