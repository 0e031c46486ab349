"""A copy of the program, which a test may change, and the commands in it.

copy = Copy(folder)
copy.write("pipeline_lib/quantize/schemes/copied.py", text)
copy.change("pipeline_lib/stages.py", {"    Stage(": row})          each text in it for another one
copy.touched                                                        what was changed, by relative path
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.tiny_night import KEY

ROOT = Path(__file__).parents[1]
PROGRAM = ("flows", "tasks", "pipeline_lib", "deployments")
NIGHTS = ("tiny_night.py", "model_nights.py")  # what a test has its nights by
SECONDS = 600  # of a hang


class Copy:
    """A copy in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.touched: set[str] = set()
        for name in PROGRAM:  # with what is compiled of it: kernels take a minute
            shutil.copytree(ROOT / name, root / name)
        shutil.copy(ROOT / "pyproject.toml", root)
        (root / "tests").mkdir()
        for name in NIGHTS:
            shutil.copy(ROOT / "tests" / name, root / "tests")

    def add_folder(self, path: str, source: Path) -> None:
        """Add the files of a folder."""
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, self.root / path, ignore=ignored, dirs_exist_ok=True)
        self.touched |= {f"{path}/{file.name}" for file in source.iterdir() if file.is_file()}

    def write(self, path: str, text: str) -> None:
        """Add a file."""
        assert not (self.root / path).exists()
        (self.root / path).parent.mkdir(exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")
        self.touched.add(path)

    def change(self, path: str, changes: Mapping[str, str]) -> None:
        """Put other text in the place of some, each of which is there once."""
        text = (self.root / path).read_text(encoding="utf-8")
        for old, new in changes.items():
            assert text.count(old) == 1, (path, old, text.count(old))
            text = text.replace(old, new)
        (self.root / path).write_text(text, encoding="utf-8")
        self.touched.add(path)

    def run(self, code: str, *words: str) -> str:
        """What some Python says in it."""
        return self._call(sys.executable, "-c", code, *words)

    def lint_imports(self) -> str:
        """What the import contracts say of it."""
        return self._call(str(Path(sys.executable).with_name("lint-imports")), "--no-cache")

    def _call(self, *command: str) -> str:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTSHIFT_", "PREFECT_"))}
        done = subprocess.run(
            command,
            env={**own, "PYTHONPATH": str(self.root), "NIGHTSHIFT_SCRUB_KEY": KEY, "COLUMNS": "200"},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
