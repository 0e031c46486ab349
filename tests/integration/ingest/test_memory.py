"""Memory is bounded by the size of a piece, not by that of a file. Other sources: tests/soak/test_memory.py."""

from pathlib import Path

from tests.source_peaks import AT_MOST, FEW, MANY, growth, held_a_line, put_lines


def test_memory_does_not_follow_the_number_of_lines_of_a_file(tmp_path: Path) -> None:
    assert growth(tmp_path, put_lines) <= AT_MOST


def test_a_line_of_a_file_that_changed_is_held_as_columns(tmp_path: Path) -> None:
    """Objects, strings and sets for each line: 460 bytes where one line is added, 1,100 where all are changed."""
    added, changed = held_a_line(tmp_path, FEW, MANY)
    assert added <= 100
    assert changed <= 150
