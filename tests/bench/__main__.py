"""`make bench [NAME=...]`: measures, and writes docs/bench/results.json.

    python -m tests.bench                      everything, in 90 minutes; each value is kept once it is there
    python -m tests.bench plan_seconds         one figure, or several, or patterns: 'peak_memory_*'
    python -m tests.bench --missing            what has not been measured on this revision of the code
    python -m tests.bench --list               the figures, their goals and what was measured last
    python -m tests.bench --render             write the measured values into README.md and docs/

How each one is measured is in docs/bench/README.md.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tests.bench.figures import make_entry, read_results, replace_entry
from tests.bench.groups import FIGURES, GROUPS, Group
from tests.bench.render import pages, rendered, shown
from tests.bench.workbench import BenchFailed, BenchSkipped, Workbench


def main() -> int:
    """Do what the command line says; the exit status is 1 when something could not be measured."""
    options = _options()
    if options.list:
        return _list()
    if options.render:
        return render_pages()
    bench = Workbench(Path(tempfile.mkdtemp(prefix="nightshift-bench-")))
    wanted = _wanted(options.names, bench.versions["nightshift"].rstrip("+") if options.missing else None)
    try:
        failures = [_measure(group, wanted, bench) for group in GROUPS]
    finally:
        if options.keep:
            bench.say(f"the workspaces are in {bench.root}")
        else:
            shutil.rmtree(bench.root, ignore_errors=True)
    return int(any(failures))


def _options() -> argparse.Namespace:
    description, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        "python -m tests.bench", None, description, details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="figures or patterns; all of them when none is given")
    parser.add_argument("--missing", action="store_true", help="only what this revision has no value for")
    parser.add_argument("--list", action="store_true", help="show the figures; measure nothing")
    parser.add_argument("--render", action="store_true", help="write the values into the pages; measure nothing")
    parser.add_argument("--keep", action="store_true", help="leave the workspaces for a look")
    return parser.parse_args()


def _wanted(patterns: Sequence[str], revision: str | None) -> set[str]:
    """The figures to measure. With a revision, without those measured on it."""
    unknown = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in FIGURES)]
    if unknown:
        sys.exit(f"{unknown[0]}: there is no such figure. python -m tests.bench --list shows them all.")
    known = {entry.name for entry in read_results() if entry.versions["nightshift"].rstrip("+") == revision}
    return {name for name in FIGURES if any(fnmatchcase(name, p) for p in patterns or ["*"])} - known


def _measure(group: Group, wanted: set[str], bench: Workbench) -> bool:
    """Measure what is wanted of a group, and keep each value at once; whether that failed."""
    left = [figure.name for figure in group.FIGURES if figure.name in wanted]
    if not left:
        return False
    machine, values = bench.machine, group.measure(bench)
    try:
        for name, value in values:
            if name not in left:
                continue
            entry = make_entry(FIGURES[name], value, versions=bench.versions, machine=machine)
            replace_entry(entry, list(FIGURES))
            bench.say(f"{name} = {shown(entry.value)} {entry.unit}  {entry.verdict.strip('-')}")
            left.remove(name)
            if not left:
                break
    except BenchSkipped as exc:
        bench.say(f"skipped: {', '.join(left)}: {exc}")
    except BenchFailed as exc:
        bench.say(f"not measured: {', '.join(left)}: {exc}")
        return True
    return False


def _list() -> int:
    measured = {entry.name: entry for entry in read_results()}
    for figure in FIGURES.values():
        entry = measured.get(figure.name)
        value = f"{shown(entry.value)} {entry.unit} {entry.verdict.strip('-')}" if entry else "not measured yet"
        print(f"{figure.name:<40} {value:<28} {figure.meaning}")
    return 0


def render_pages() -> int:
    """Bring the figures of all pages up to date."""
    entries = read_results()
    for page in pages():
        text = page.read_text(encoding="utf-8")
        new = rendered(text, entries, FIGURES)
        if new != text:
            page.write_text(new, encoding="utf-8")
            print(f"{page}: figures brought up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
