"""What the data half is compared with: datatrove in an environment of its own, and this code as it was before.

Before is the last revision that wrote a copy of the text after every stage, taken from our own history, and run by the
same interpreter with the same libraries.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

from tests.bench.figures import ROOT
from tests.bench.workbench import BenchSkipped, Workbench

BEFORE = "ee46591bc88cec913677d61674ee2550e9e7274f"
DATATROVE = "datatrove==0.10.1"
# Its extra "processing" forgets spaCy, without which Gopher and MinHash do not start.
DATATROVE_PACKAGES = ("datatrove[io,processing]==0.10.1", "spacy==3.8.18")


def before(bench: Workbench) -> Path:
    """The folder with the code of that revision. Raises `BenchSkipped` where our history is not there."""
    folder = bench.root / "before"
    if not folder.is_dir():
        packed = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True)
        if packed.returncode != 0:
            raise BenchSkipped(f"revision {BEFORE[:7]} is not in the history of {ROOT}: is it a shallow clone?")
        with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
            archive.extractall(folder, filter="data")
    return folder


def datatrove_python(bench: Workbench) -> str:
    """The interpreter of datatrove's own environment, which is made on first use and kept in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    home = cache / "nightshift-bench" / DATATROVE.replace("==", "-")
    python, is_ready = home / "bin" / "python", home / ".ready"
    if not is_ready.is_file():
        bench.say(f"installing {DATATROVE} into {home} (once)")
        shutil.rmtree(home, ignore_errors=True)
        bench.command([sys.executable, "-m", "venv", str(home)])
        bench.command([str(python), "-m", "pip", "install", "--quiet", *DATATROVE_PACKAGES])
        is_ready.touch()
    return str(python)
