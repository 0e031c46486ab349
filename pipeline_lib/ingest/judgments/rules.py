"""Which rules a judgment is read by: those of the script that its beginning is written in."""

from pipeline_lib.ingest.judgments import chinese, english
from pipeline_lib.ingest.judgments.found import Found
from pipeline_lib.ingest.judgments.head import lines_of


def told_of(text: str, *, is_html: bool) -> Found:
    """What a judgment says of itself; nothing of a text that is none."""
    lines = lines_of(text, is_html=is_html)
    return chinese.find(lines) if lines.is_chinese else english.find(lines)
