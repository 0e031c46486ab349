"""`make audit`: are weaknesses known of what the lock names?

pip-audit asks PyPI's advisories. Of a package that the service does not know (behind a mirror it may know none) it says
"could not be audited" and ends well, "No known vulnerabilities found". Here that is no pass: exit status 0 means that
every package was asked about and nothing is known, 1 that something is, 2 that some or all could not be asked about.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MOST_NAMED = 5


def judge(report: dict[str, Any]) -> tuple[int, list[str]]:
    """Exit status and lines for what pip-audit reports as JSON."""
    packages = report["dependencies"]
    unasked = [package["name"] for package in packages if "skip_reason" in package]
    known = [(package, weakness) for package in packages for weakness in package.get("vulns", [])]
    lines = [
        f"{package['name']} {package['version']}: {weakness['id']}, "
        f"fixed in {', '.join(weakness['fix_versions']) or 'no version yet'}"
        for package, weakness in known
    ]
    num_asked = len(packages) - len(unasked)
    lines.append(f"{num_asked} of {len(packages)} packages were asked about: {len(known)} weaknesses")
    if unasked:
        more = f" and {len(unasked) - MOST_NAMED} more" if len(unasked) > MOST_NAMED else ""
        lines.append(
            f"The advisory service knows nothing of {', '.join(unasked[:MOST_NAMED])}{more}: of these nothing is said. "
            "Run this where PyPI itself can be reached, not a mirror of it."
        )
    return (1 if known else 2 if unasked or not packages else 0), lines


def main(pip_audit: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "report.json"
        what = ["--requirement", str(ROOT / "constraints.txt"), "--no-deps", "--disable-pip"]
        how = ["--progress-spinner", "off", "--format", "json", "--output", str(written)]
        done = subprocess.run([pip_audit, *what, *how], capture_output=True, text=True, check=False)
        if not written.exists():
            reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            print(f"Nothing was audited: pip-audit got no answer from the advisory service.\n{reason}", file=sys.stderr)
            return 2
        status, lines = judge(json.loads(written.read_text("utf-8")))
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
