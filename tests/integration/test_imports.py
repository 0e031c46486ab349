"""What is not loaded: each of these costs every worker process of every night a part of a second."""

import subprocess
import sys

import pytest

from pipeline_lib.base.imports import import_without


def loaded_after(code: str, names: set[str]) -> set[str]:
    """Which of these modules a fresh process has after running `code`."""
    script = f"{code}\nimport sys\nprint(*sorted({names!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_a_module_is_imported_without_what_it_would_load(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "wants_colours.py").write_text("try:\n    import colorsys\nexcept ImportError:\n    colorsys = None\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert import_without("wants_colours", "colorsys").colorsys is None
    import colorsys  # afterwards it can be imported again

    assert colorsys.hsv_to_rgb(0, 0, 1) == (1, 1, 1)


def test_a_worker_reads_writes_and_converts_arrays_without_pandas() -> None:
    code = """
import os
from pathlib import Path
from tempfile import TemporaryDirectory
import numpy as np, pyarrow as pa
from pipeline_lib.run.engine import start_worker
from pipeline_lib.store.tables import read_table, write_parquet
start_worker(os.getppid())
with TemporaryDirectory() as folder:
    write_parquet(pa.table({"n": pa.array(np.arange(3))}), Path(folder) / "n.parquet")
    table = read_table(Path(folder) / "n.parquet", ["n"])
assert pa.array(table["n"].to_numpy(), from_pandas=True).to_pylist() == [0, 1, 2]
"""
    assert loaded_after(code, {"pandas", "pyarrow.dataset"}) == set()


def test_kernels_run_without_scipy_linalg_and_sketches_without_datasketch() -> None:
    code = """
import pyarrow as pa
from pipeline_lib.clean.signals import measure_texts
from pipeline_lib.dedup.sketch import sketch_documents
from pipeline_lib.dedup.settings import DedupSettings
texts = pa.array(["one text"], pa.large_string())
measure_texts(texts)
sketch_documents(DedupSettings(), pa.table({"document_id": ["a"], "text": texts}))
"""
    assert loaded_after(code, {"scipy.linalg", "datasketch"}) == set()


def test_cleaning_plain_text_loads_neither_spacy_nor_the_readers_of_html_and_mojibake() -> None:
    code = """
import pyarrow as pa
from pipeline_lib.clean.cleaning import clean_table
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
row = {"document_id": "a", "source": "s", "url": "u", "format": "text", "language": None, "text": "the cat and the dog"}
clean_table(CleanSettings(), pa.Table.from_pylist([row], DOCUMENTS_SCHEMA))
"""
    assert loaded_after(code, {"spacy", "trafilatura", "ftfy", "torch"}) == set()


def test_after_the_warm_up_of_a_worker_clean_and_dedup_load_and_compile_nothing_more() -> None:
    code = """
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
import pyarrow as pa
from pipeline_lib.clean import kernel, stage as clean
from pipeline_lib.dedup import kernels, link, stage as dedup
from pipeline_lib.plan.warm import load
from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import write_parquet
from pipeline_lib.settings.tree import Settings
settings = Settings()
def signatures():
    found = {name: f for module in (kernel, kernels, link) for name, f in vars(module).items()}
    return {name: list(f.signatures) for name, f in found.items() if hasattr(f, "signatures")}
load(settings)
before, compiled = set(sys.modules), signatures()
text = "It is a matter of machine learning, and of the many words that have to be with it. " * 9
row = {**dict.fromkeys(DOCUMENTS_SCHEMA.names, ""), "document_id": "a", "text": text}
rows = [row, row | {"document_id": "b", "text": text + "Enough."}]
with TemporaryDirectory() as folder:
    documents, kept = Path(folder) / "in.parquet", Path(folder) / "documents.parquet"
    write_parquet(pa.Table.from_pylist(rows, DOCUMENTS_SCHEMA), documents)
    clean.run(settings.clean, documents, Path(folder))
    dedup.sketch(settings.dedup, kept, Path(folder))
    dedup.decide(settings.dedup, [(kept, Path(folder) / dedup.SKETCH_FILE)], [], Path(folder))
late = {name for name in set(sys.modules) - before if not name.startswith("encodings")}
assert not late, late
assert compiled["measure"] and compiled["_link_band"] and signatures() == compiled
"""
    assert loaded_after(code, {"spacy", "numba"}) == {"spacy", "numba"}
