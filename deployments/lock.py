"""The lock: which versions are installed, and the hashes of their files. `make lock` writes it, images install parts.

constraints.txt   every version, torch and the CUDA libraries that it may bring included, without hashes: for pipx,
                  `uv tool install` and the second step of an installation
lock.txt          the same but for torch and those, with hashes: the first step

torch stands outside: where its hashes are asked for, pip prefers the CUDA build of an index to a CPU build that lies in
a folder. No address stands in either file; where packages come from is the business of who installs. Both are written
from one resolution by uv, over all Pythons and machines at once, and each of these is then resolved by itself, with
wheels only. A version that stands in constraints.txt stays, unless it is named to be upgraded or no longer fits.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-apple-darwin")
OLDEST_MACOS = "14.0"  # torch has no wheels for older ones
# What only the image of MLflow's server needs: the drivers for Postgres and S3.
SERVER = "mlflow"
DRIVERS = ("psycopg2-binary==2.9.13", "boto3==1.44.8")
DRIVERS_PATH = Path("deployments/docker/drivers.txt")
OF_IMAGES = ("crawl", "chinese", "bulk")  # extras that images have
HEADER = "# Written by `make lock`, with `make lock UPGRADE=name` for a newer version. {}\n"
BLOCK = re.compile(r"^(?P<name>[\w.-]+)==(?P<rest>.*\n(?:^    .*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Pin:
    """One package of a lock: its line, the hashes of its files, and who asks for it."""

    name: str
    line: str
    hashes: tuple[str, ...]
    wanted_by: frozenset[str]

    @property
    def marker(self) -> str:
        return self.line.partition(" ; ")[2]

    def with_hashes(self) -> str:
        """Lines as pip and uv read them: requirement, hashes, and in a comment who asks for it."""
        lines = [self.line, *(f"    --hash={digest}" for digest in self.hashes)]
        via = f"    # via {', '.join(sorted(self.wanted_by))}\n" if self.wanted_by else ""
        return " \\\n".join(lines) + "\n" + via


def read_pins(text: str) -> list[Pin]:
    """The packages of a lock as uv writes it with `--annotation-style line`."""
    return [_pin(found["name"], found["rest"]) for found in BLOCK.finditer(text)]


def only_for_cuda(pins: Iterable[Pin]) -> set[str]:
    """torch, and what nobody but torch brings, and on Linux alone: its CUDA libraries."""
    found = {"torch"}
    while more := {
        pin.name
        for pin in pins
        if pin.name not in found and pin.wanted_by <= found and "sys_platform == 'linux'" in pin.marker
    }:
        found |= more
    return found


def needed_by(requirements: Iterable[str], pins: list[Pin]) -> list[Pin]:
    """The pins that are asked for and all that they ask for, in the order of the lock. torch itself stands in none.

    A lock does not tell extras apart, so what any extra of a package brings is among it.
    """
    found = {bare(requirement) for requirement in requirements}
    if unknown := found - {pin.name for pin in pins} - {"torch"}:
        raise SystemExit(f"lock.txt names no {', '.join(sorted(unknown))}. Add it to pyproject.toml, then: make lock")
    while more := {pin.name for pin in pins if pin.name not in found and pin.wanted_by & found}:
        found |= more
    return [pin for pin in pins if pin.name in found]


def bare(requirement: str) -> str:
    """`mlflow[auth]>=3.17` is `mlflow`; `lxml_html_clean` is `lxml-html-clean`."""
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def write(uv: str, upgrade: list[str]) -> None:
    """Resolve anew, write the three files, and try each Python on each machine."""
    upgrades = [part for name in upgrade for part in ("--upgrade-package", name)]
    project = ["pyproject.toml", "--extra", "dev", *upgrades]
    pins = read_pins(_compile(uv, [*project, "--universal", "--generate-hashes"], ROOT / "constraints.txt"))
    (ROOT / "constraints.txt").write_text(
        HEADER.format("Without hashes: see deployments/lock.py.") + "".join(f"{pin.line}\n" for pin in pins), "utf-8"
    )
    left_out = only_for_cuda(pins)
    _write_hashes(ROOT / "lock.txt", [pin for pin in pins if pin.name not in left_out])
    under = ["--constraint", "constraints.txt", "--universal", "--generate-hashes"]
    drivers = _compile(uv, ["-", *under, *upgrades], ROOT / DRIVERS_PATH, given="\n".join(DRIVERS))
    known = {pin.name for pin in needed_by([SERVER], pins)}  # what its image has without them
    _write_hashes(ROOT / DRIVERS_PATH, [pin for pin in read_pins(drivers) if pin.name not in known])
    for python in PYTHONS:
        for machine in MACHINES:
            _compile(uv, [*project[:3], "--python-platform", machine], ROOT / "constraints.txt", python=python)
            print(f"Python {python} on {machine}: every package has a wheel", flush=True)


def _pin(name: str, rest: str) -> Pin:
    line = rest.splitlines()[0].removesuffix("\\").rstrip()
    via = re.search(r"^    # via (.*)$", rest, re.MULTILINE)
    wanted_by = [] if via is None else [part.split(" ")[0] for part in via[1].split(", ") if not part.startswith("-")]
    return Pin(name, f"{name}=={line}", tuple(re.findall(r"--hash=(\S+)", rest)), frozenset(wanted_by))


def _write_hashes(path: Path, pins: list[Pin]) -> None:
    header = HEADER.format("For --require-hashes --no-deps.")
    path.write_text(header + "".join(pin.with_hashes() for pin in pins), "utf-8")


def _compile(uv: str, arguments: list[str], pins_path: Path, *, python: str = PYTHONS[0], given: str = "") -> str:
    """What uv resolves; versions at `pins_path` are kept where they fit."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "resolved.txt"
        shutil.copyfile(pins_path, written)
        how = ["--quiet", "--only-binary", ":all:", "--python-version", python]
        output = ["--no-header", "--annotation-style", "line", "--output-file", str(written)]
        done = subprocess.run(
            [uv, "pip", "compile", *arguments, *how, *output],
            cwd=ROOT,
            env={**os.environ, "UV_PYTHON_DOWNLOADS": "never", "MACOSX_DEPLOYMENT_TARGET": OLDEST_MACOS},
            input=given,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"uv cannot resolve {' '.join(arguments)} on Python {python}:\n{done.stderr}")
        return written.read_text("utf-8")


def _shown(command: str, names: list[str]) -> list[Pin]:
    pins = read_pins((ROOT / "lock.txt").read_text("utf-8"))
    if command == "only":
        return needed_by(names, pins)
    if command == "project":
        tree = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
        project, build = tree["project"], tree["build-system"]
        extras = [line for name in OF_IMAGES for line in project["optional-dependencies"][name]]
        return needed_by([*project["dependencies"], *extras, *build["requires"]], pins)
    hashed = {pin.name for pin in pins}
    return [*pins, *(pin for pin in read_pins((ROOT / "constraints.txt").read_text("utf-8")) if pin.name not in hashed)]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write", help="resolve, write constraints.txt and lock.txt, try each Python")
    writing.add_argument("--uv", default="uv", help="the uv that resolves (default: the one on the PATH)")
    writing.add_argument("--upgrade", action="append", default=[], metavar="NAME", help="a package to take newer")
    only = commands.add_parser("only", help="print the part of lock.txt that some packages need, torch left out")
    only.add_argument("names", nargs="+", metavar="NAME")
    commands.add_parser("project", help="print the part that Nightshift needs in its images, torch left out")
    commands.add_parser("all", help="print every package, with the hashes that the lock has")
    asked = parser.parse_args(arguments)
    if asked.command == "write":
        write(asked.uv, asked.upgrade)
    else:
        shown = _shown(asked.command, getattr(asked, "names", []))
        sys.stdout.write("".join(pin.with_hashes() for pin in shown))


if __name__ == "__main__":
    main()
