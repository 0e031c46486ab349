"""Memory is bounded by the size of a piece, not by that of a file. Other sources: tests/soak/test_memory.py."""

from pathlib import Path

from tests.source_peaks import AT_MOST, growth, put_lines


def test_memory_does_not_follow_the_number_of_lines_of_a_file(tmp_path: Path) -> None:
    assert growth(tmp_path, put_lines) <= AT_MOST
