"""`python -m tests.bench.demo`: what README shows of a night: what `make demo` prints, and both UIs in the morning.

Runs the demo in an empty workspace (some minutes) and writes docs/bench/demo.txt; starts `nightshift up` over it and
writes two pictures beside, by a headless Chromium. README takes the text from there (render.py), and a test compares.
"""

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from flows.standing import Standing, links
from pipeline_lib.model.tracking import page_of
from pipeline_lib.store.workspace import Workspace
from tests.bench.__main__ import render_pages
from tests.bench.figures import ROOT
from tests.bench.nights import servers_up
from tests.bench.render import DEMO
from tests.bench.workbench import NIGHTSHIFT, Workbench

if TYPE_CHECKING:
    from playwright.sync_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SIZE = {"width": 1280, "height": 800}
PATIENCE_MS = 60_000
SETTLED_MS = 3_000  # what is drawn moves for so long
PREFECT, MLFLOW = (ROOT / "docs" / "bench" / name for name in ("prefect.png", "mlflow.png"))


def main() -> int:
    """Write the text and the pictures; the exit status is 1 where there is no browser for these."""
    bench = Workbench(Path(tempfile.mkdtemp(prefix="nightshift-demo-")))
    workspace = bench.root / ".nightshift"
    try:
        bench.say("the demo's first night (some minutes)")
        printed = bench.output([NIGHTSHIFT, "run", "--workspace", str(workspace)])
        DEMO.write_text(printed.replace(f"{bench.root}/", ""), encoding="utf-8")  # as `make demo` says it in a checkout
        render_pages()
        browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
        if browser is None:
            bench.say(f"no pictures: no browser on this machine (looked for {', '.join(BROWSERS)})")
            return 1
        with servers_up(bench, workspace) as found:
            _take_pictures(browser, found, links(found, Workspace(workspace))[0])
        bench.say(f"written: {DEMO}, {PREFECT}, {MLFLOW}")
        return 0
    finally:
        shutil.rmtree(bench.root, ignore_errors=True)


def _take_pictures(browser: str, found: Standing, entry: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        page = opened.new_page(viewport=SIZE)
        page.set_default_timeout(PATIENCE_MS)
        page.goto(entry)
        page.get_by_text("Dashboard").first.wait_for()
        _night(page, found.prefect_url)
        _curve(page, found.mlflow_url)
        opened.close()


def _night(page: "Page", url: str) -> None:
    """The run with its tasks."""
    page.goto(f"{url}/runs")
    page.get_by_text("nightly-demo").first.click()
    page.get_by_text("version 1 promoted").first.wait_for()
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=PREFECT)


def _curve(page: "Page", url: str) -> None:
    """The curves of the training."""
    from mlflow import MlflowClient

    client = MlflowClient(url)
    experiment = client.get_experiment_by_name("nightshift")
    run = client.search_runs([experiment.experiment_id])[0].info
    page.goto(page_of(url, f"experiments/{run.experiment_id}/runs/{run.run_id}/model-metrics"))
    page.get_by_placeholder("Search metric charts").fill("loss")
    page.locator(".scatterlayer .trace path.js-line").first.wait_for(state="attached")
    page.wait_for_timeout(SETTLED_MS)
    page.screenshot(path=MLFLOW)


if __name__ == "__main__":
    sys.exit(main())
