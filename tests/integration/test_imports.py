"""What is not loaded: each of these costs every worker process of every night a part of a second."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_lib.base.imports import import_without
from tests.tiny_night import KEY, House, arguments, english


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


def test_a_module_is_imported_with_stand_ins_that_are_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shows_itself.py").write_text("from colorsys import hsv_to_rgb\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    assert import_without("shows_itself", "nothing_such", unused=("colorsys",)).hsv_to_rgb is None
    import colorsys

    assert colorsys.hsv_to_rgb(0, 0, 1) == (1, 1, 1)


def test_a_worker_loads_spacy_without_its_command_line_which_can_be_loaded_later() -> None:
    code = """
import sys
from pipeline_lib.plan.warm import load
from pipeline_lib.stages import AllSettings
load(AllSettings())
assert "spacy.language" not in sys.modules  # where only signs and plain terms are counted
load(AllSettings(clean={"spacy_sentences": True}))
assert "spacy.language" in sys.modules and not {"spacy.cli", "weasel", "torch"} & set(sys.modules)
from spacy.cli.info import info
assert callable(info)
"""
    assert loaded_after(code, {"spacy.cli", "torch"}) == {"spacy.cli"}


def test_a_night_draws_nothing_by_itself() -> None:
    assert (
        loaded_after("import flows.launch, flows.halves", {"matplotlib", "jinja2", "pipeline_lib.report.measure"})
        == set()
    )


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


# The makers of clean and dedup over one shard, as a worker calls them.
CHAIN = """
import sys
from pathlib import Path
from pathlib import Path
from tempfile import TemporaryDirectory
import pyarrow as pa
from pipeline_lib.clean import stage as clean
from pipeline_lib.dedup import stage as dedup
from pipeline_lib.stages import AllSettings
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.schemas import DOCUMENTS_FILE, DOCUMENTS_SCHEMA
from pipeline_lib.store.tables import write_parquet
from tests.given import given
settings = AllSettings()
def make(maker, own, folder, **inputs):
    folder.mkdir()
    return maker.make(own.only(maker.reads), given(**inputs), folder)
def clean_shard(texts, root):
    row = {**dict.fromkeys(DOCUMENTS_SCHEMA.names), "source": "s", "url": "u", "format": "text"}
    rows = [{**row, "document_id": str(number), "text": text} for number, text in enumerate(texts)]
    raw, text, signals, terms, judged = (root / name for name in ("raw", "text", "signals", "terms", "judged"))
    raw.mkdir()
    write_parquet(pa.Table.from_pylist(rows, DOCUMENTS_SCHEMA), raw / DOCUMENTS_FILE)
    make(clean.TEXT, settings.clean, text, documents=raw)
    make(clean.SIGNALS, settings.clean, signals, text=text)
    make(clean.TERMS, settings.clean, terms, text=text, signals=signals)
    return text, judged, make(clean.JUDGE, settings.clean, judged, text=text, signals=signals, terms=terms)
def dedup_shard(text, judged, root):
    make(dedup.SKETCH, settings.dedup, root / "sketch", text=text)
    inputs = given(texts=[text], sketches=[root / "sketch"], judged=[judged])
    inputs.store.folders |= {Ref(dedup.TEXT_STAGE, ref.fingerprint): text for ref in inputs.members("texts")}
    (root / "decided").mkdir()
    return dedup.DECIDE.make(settings.dedup.only(dedup.DECIDE.reads), inputs, root / "decided")
"""


def test_cleaning_plain_text_loads_neither_spacy_nor_the_readers_of_html_and_mojibake() -> None:
    code = f"""{CHAIN}
with TemporaryDirectory() as folder:
    assert clean_shard(["the cat and the dog"], Path(folder))[2].rows_in == 1
"""
    assert loaded_after(code, {"spacy", "trafilatura", "ftfy", "torch"}) == set()


def test_after_the_warm_up_of_a_worker_clean_and_dedup_load_and_compile_nothing_more() -> None:
    code = f"""{CHAIN}
from pipeline_lib.clean import kernel
from pipeline_lib.dedup import kernels, link
from pipeline_lib.plan.warm import load
def signatures():
    found = {{name: f for module in (kernel, kernels, link) for name, f in vars(module).items()}}
    return {{name: list(f.signatures) for name, f in found.items() if hasattr(f, "signatures")}}
load(settings)
before, compiled = set(sys.modules), signatures()
text = {english(0)!r} + " It is a matter of machine learning."
with TemporaryDirectory() as folder:
    cleaned, judged, good = clean_shard([text, text + " Enough."], Path(folder))
    decided = dedup_shard(cleaned, judged, Path(folder))
late = {{name for name in set(sys.modules) - before if not name.startswith("encodings")}}
assert not late, late
assert (good.rows_out, decided.rows_out, dict(decided.dropped)) == (2, 1, {{"near_duplicate": 1}}), decided
assert compiled["measure"] and compiled["_link_band"] and signatures() == compiled
"""
    assert loaded_after(code, {"spacy", "numba"}) == {"numba"}


def test_a_plan_looks_at_its_sources_without_pandas(tmp_path: Path) -> None:
    """A third of a second of `nightshift plan`."""
    house = House(tmp_path / "workspace", tmp_path / "corpus")
    house.corpus.mkdir()
    (house.corpus / "a.txt").write_text(english(1), encoding="utf-8")
    words = ["plan", *arguments(house.workspace, house.corpus)]
    code = f"""
import contextlib, io, os
os.environ["NIGHTSHIFT_SCRUB_KEY"] = {KEY!r}
from flows.cli import main
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as said:
    main({words!r})
assert "1 file new" in said.getvalue()
"""
    assert loaded_after(code, {"pandas", "torch", "mlflow", "prefect"}) == set()


def test_a_move_of_the_champion_loads_no_prefect_and_a_look_no_mlflow() -> None:
    code = """
import flows.cli
from flows.moves import promote_by_hand
from flows.show.status import show_status
"""
    assert loaded_after(code, {"prefect", "mlflow", "torch", "pandas"}) == set()
