"""The documents of a small set of files, as version 1 of ingest.read makes them."""

import gzip
import json
from pathlib import Path
from typing import Any

from pipeline_lib.ingest.plan import READ_VERSION

GOLDEN = Path(__file__).with_name("golden.json")


def test_documents_are_those_of_this_version(house: Any) -> None:
    house.write("a.txt", "夜里的文字\r\n")
    house.write("b.md", "# Night\n")
    house.write("c.html", "<meta charset=gbk><p>夜</p>".encode("gbk"))
    house.write("d.jsonl.gz", gzip.compress('{"id": 1, "text": "一"}\n{"text": "a"}\n{"text": "a"}\n?\n'.encode()))
    house.write("e.csv", 'id,text\nx,"two\nlines"\n')
    plan = house.night()
    rows = [[row["url"], row["document_id"], row["format"], row["text"]] for row in house.rows(plan)]
    found = {"version": READ_VERSION, "documents": rows, "quarantine": house.quarantine(plan)}
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8")), (
        "ingest makes other documents than before: raise READ_VERSION in pipeline_lib/ingest/plan.py (all sources are "
        "then read again), and put the new value into golden.json"
    )
