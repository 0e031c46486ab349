"""Git repositories of the tests' own."""

import os
import subprocess
from pathlib import Path


class Repository:
    """A repository beside a workspace."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *asked: str, stdin: bytes = b"") -> str:
        who = {f"GIT_{role}_{what}": "x@y" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(
            ["git", "-C", str(self.path), *asked],
            input=stdin,
            capture_output=True,
            check=True,
            env={**os.environ, **who},
        )
        return done.stdout.decode().strip()

    def commit(self, files: dict[str, bytes | str | None]) -> str:
        """Write files (None: away with it) and commit them."""
        for name, content in files.items():
            place = self.path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                place.unlink()
            else:
                place.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "-m", "x")
        return self.git("rev-parse", "HEAD")
