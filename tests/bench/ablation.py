"""`python -m tests.bench.ablation [STEP ...]`: what docs/ablate.md shows of a trial.

One small night on the demo's documents, a megabyte of each package, then `nightshift ablate` for each step
(by default all rules of clean); what it prints becomes docs/bench/ablation.txt, from where the page has it (render.py),
and a test compares. All is bounded by steps, so a busy machine changes nothing but the time.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.bench.__main__ import render_pages
from tests.bench.render import ABLATION
from tests.bench.workbench import NIGHTSHIFT, Workbench

STEPS = ("rules",)
NUM_STEPS, NUM_SEEDS = 100, 3
SMALL = {"train.hidden_size": "64", "train.intermediate_size": "176", "train.batch_rows": "8"}
NIGHT = {
    **SMALL,
    "ingest.sources": json.dumps([{"kind": "installed_docs", "max_package_bytes": 1 << 20}]),
    "tokenize.heldout_share": "0.2",  # of a small corpus: some hundred documents to judge on
    "train.max_steps": "20",
    "train.budget_minutes": "none",
    "quantize.schemes": "none",
    "evaluate.max_documents": "200",
    "evaluate.max_document_characters": "2000",
    "evaluate.noise_documents": "1",
    "report.every_refresh": "false",
}


def main() -> int:
    """Write the text."""
    steps = sys.argv[1:] or STEPS
    bench = Workbench(Path(tempfile.mkdtemp(prefix="nightshift-ablation-")))
    settings = [word for name, value in NIGHT.items() for word in (f"--{name}", value)]
    settings += ["--workspace", str(bench.root / ".nightshift")]
    try:
        bench.say("a night on a part of the demo's documents")
        bench.output([NIGHTSHIFT, "run", *settings])
        printed = []
        for step in steps:
            bench.say(f"a trial of {step}")
            asked = ["ablate", "--step", step, "--num-steps", str(NUM_STEPS), "--seeds", str(NUM_SEEDS)]
            told = bench.output([NIGHTSHIFT, *asked, *settings])
            small = (word for name, value in SMALL.items() for word in (f"--{name}", value))
            shown = " ".join(["nightshift", *asked, *small])
            printed.append(f"$ {shown}\n{told[told.index(f'{step}: ') :].strip()}\n")
        ABLATION.write_text("\n".join(printed), encoding="utf-8")
        render_pages()
        bench.say(f"written: {ABLATION}")
        return 0
    finally:
        shutil.rmtree(bench.root, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
