"""What may stand in the files from which MLflow builds an environment: releases by name and version, and no places.

`mlflow models serve` installs what they name, and installing runs code: of a URL, a folder, another index or a file of
the machine (`foo==1.zip` is one to pip). Allowed is what package.py and MLflow itself write, a release of the usual
index in each line. Comments are not: pip reads the encoding of the whole file from one.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DataError
from pipeline_lib.register.harmless_yaml import read_yaml
from pipeline_lib.register.refusal import refused

# A version as PEP 440 writes it, without dots in its local part: what ends in .zip or .whl is a file to pip.
VERSION = r"[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?(\+[A-Za-z0-9]+)?"
PIN = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+)*\])?=={VERSION}")
BUILD_TOOL = re.compile(rf"(pip|setuptools|wheel)((==|<=|=){VERSION})?")
PYTHON = re.compile(rf"python==?{VERSION}")
REQUIREMENTS = "-r requirements.txt"
RELEASE = "is not name==version"


def read_requirements(name: str, path: Path) -> None:
    """Raise `DataError` unless each line is `name==version`, or empty."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip() and not PIN.fullmatch(line.strip()):
            raise _odd(name, f"line {number} {RELEASE}")


def read_python_env(name: str, path: Path) -> None:
    """Raise `DataError` unless it names a version of Python, the tools that build, and the requirements beside it."""
    for key, value in _entries(name, path):
        if key == "python":
            if not isinstance(value, str) or not re.fullmatch(VERSION, value):
                raise _odd(name, "python is not a version")
        elif key == "build_dependencies":
            _look(name, key, value, lambda one: bool(BUILD_TOOL.fullmatch(one)))
        elif key == "dependencies":
            _look(name, key, value, lambda one: one == REQUIREMENTS or bool(PIN.fullmatch(one)))
        else:
            raise _odd(name, "it has an entry besides python, build_dependencies and dependencies")


def read_conda(name: str, path: Path) -> None:
    """Raise `DataError` unless it names Python, what pip is to install, and the channel that MLflow names."""
    for key, value in _entries(name, path):
        if key == "name":
            if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", value):
                raise _odd(name, "its name is none")
        elif key == "channels":
            _look(name, key, value, lambda one: one == "conda-forge")
        elif key == "dependencies":
            plain, by_pip = _split(value)
            _look(name, key, plain, lambda one: bool(PYTHON.fullmatch(one) or BUILD_TOOL.fullmatch(one)))
            _look(name, "pip", by_pip, lambda one: bool(PIN.fullmatch(one)))
        else:
            raise _odd(name, "it has an entry besides name, channels and dependencies")


def _split(value: Any) -> tuple[Any, Any]:
    """What conda is to install, and what pip."""
    if not isinstance(value, list):
        return value, []
    pips = [one["pip"] for one in value if isinstance(one, dict) and one.keys() == {"pip"}]
    plain = [one for one in value if not (isinstance(one, dict) and one.keys() == {"pip"})]
    return plain, [one for pip in pips for one in (pip if isinstance(pip, list) else [pip])]


def _entries(name: str, path: Path) -> list[tuple[Any, Any]]:
    found = read_yaml(name, path)
    if not isinstance(found, dict):
        raise _odd(name, "it is no environment")
    return list(found.items())


def _look(name: str, key: str, value: Any, is_allowed: Callable[[str], bool]) -> None:
    """Raise `DataError` unless it is a list of what is allowed."""
    if not isinstance(value, list):
        raise _odd(name, f"{key} is no list")
    for number, one in enumerate(value, 1):
        if not isinstance(one, str) or not is_allowed(one):
            raise _odd(name, f"entry {number} of {key} {RELEASE}, as MLflow writes it")


def _odd(name: str, why: str) -> DataError:
    return refused(
        name,
        f"{why}: what is installed to serve the model may not come from a place that the model names",
        "Name releases (torch==2.13.0)",
    )


ENVIRONMENTS: Mapping[str, Callable[[str, Path], None]] = {
    "requirements.txt": read_requirements,
    "constraints.txt": read_requirements,
    "conda.yaml": read_conda,
    "python_env.yaml": read_python_env,
}
