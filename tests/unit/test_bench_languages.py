"""How the benches count what is told of languages."""

import json
from pathlib import Path

import pytest
import zstandard

from tests.bench.languages import f1, paragraphs, share_of_verdicts
from tests.bench.workbench import BenchSkipped


def test_a_verdict_is_english_chinese_or_another() -> None:
    truth = ["en", "zh", "ja", "other", "other", "en"]
    assert share_of_verdicts(truth, ["en", "zh", "ko", None, "en", None]) == pytest.approx(4 / 6)


def test_f1_counts_what_is_missed_and_what_is_found_besides() -> None:
    truth = ["en", "en", "en", "other", "ja"]
    assert f1("en", truth, ["en", "en", None, "en", "ja"]) == pytest.approx(2 / 3)
    assert f1("ja", truth, ["en", "en", None, "en", "ja"]) == 1
    assert f1("zh", truth, [None] * 5) == 0


def test_paragraphs_come_out_of_all_files_and_none_is_no_failure(tmp_path: Path) -> None:
    with pytest.raises(BenchSkipped, match=r"holds no langid_udhr/\*\.jsonl\.zst"):
        paragraphs(tmp_path)
    (tmp_path / "langid_udhr").mkdir()
    for name, language in (("a", "eng"), ("b", "jpn")):
        line = json.dumps({"lang": language, "text": "法"}) + "\n"
        (tmp_path / "langid_udhr" / f"{name}.jsonl.zst").write_bytes(zstandard.compress(line.encode()))
    assert paragraphs(tmp_path) == [("eng", "法"), ("jpn", "法")]
