"""Both UIs in a headless browser, against `nightshift up` over a finished night: what its owners see in the morning.

Skipped where there is no Chromium; in CI, which installs one, that is a failure.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline_lib.model.tracking import page_of
from tests.browser import browser, new_page
from tests.e2e.conftest import House, copy_house
from tests.servers_up import Up, printed, up

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def servers(finished_night: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    house = copy_house(finished_night, tmp_path_factory.mktemp("browser"))
    with up(house.workspace, house.corpus, "--prefect-port", "0", "--mlflow-port", "0") as started:
        yield started


@pytest.fixture(scope="module")
def page(servers: Up) -> Iterator["Page"]:
    """A page of a browser that came in by the link that `nightshift up` prints."""
    with browser() as started:
        opened = new_page(started)
        opened.goto(printed(servers, "Prefect"))
        opened.get_by_text("Dashboard").first.wait_for()
        yield opened


def test_prefect_shows_the_night_by_its_name_and_how_it_ended(page: "Page", servers: Up, tmp_path: Path) -> None:
    (night,) = servers.runs("nightly", names=("Completed",))
    page.goto(f"{servers.prefect_url}/runs")
    page.get_by_text(night["name"]).first.click()
    page.get_by_text("Completed", exact=True).first.wait_for()
    page.get_by_text("version 1 promoted").first.wait_for()
    page.screenshot(path=tmp_path / "night.png")


def test_prefect_shows_the_funnel_as_a_table(page: "Page", servers: Up, tmp_path: Path) -> None:
    page.goto(f"{servers.prefect_url}/artifacts")
    page.get_by_text("refresh-funnel").first.click()
    page.locator("a[href*='/artifacts/artifact/']").first.click()
    cells = page.locator("table tr", has_text="dedup").first
    cells.wait_for()
    page.screenshot(path=tmp_path / "funnel.png")
    assert cells.inner_text().split()[:4] == ["dedup", "62", "54", "8"]


def test_prefect_leads_to_the_page_of_the_refresh(page: "Page", servers: Up, tmp_path: Path) -> None:
    page.goto(f"{servers.prefect_url}/artifacts")
    page.get_by_text("refresh-report").first.click()
    page.locator("a[href*='/artifacts/artifact/']").first.click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="The page of this refresh").first.click()
    shown = opened.value
    shown.get_by_role("heading", name="Quality of the data").wait_for()
    shown.screenshot(path=tmp_path / "refresh.png")
    assert shown.get_by_role("img", name="Histogram of num_words").is_visible()
    background = shown.evaluate("getComputedStyle(document.querySelector('blockquote')).backgroundColor")
    assert background != "rgba(0, 0, 0, 0)"  # its styles are its own
    shown.close()


def test_prefect_shows_the_nightly_schedule(page: "Page", servers: Up, tmp_path: Path) -> None:
    page.goto(f"{servers.prefect_url}/deployments")
    page.get_by_text("At 02:00 AM").first.wait_for()
    page.screenshot(path=tmp_path / "deployments.png")
    assert page.get_by_text("Ready", exact=True).count() == 7


ASK = """url => new Promise(resolve => {
  document.addEventListener("securitypolicyviolation", found => resolve(found.effectiveDirective), {once: true});
  fetch(url).catch(() => setTimeout(resolve, 2000, "asked"));
})"""


def test_the_pages_of_prefect_ask_nobody_but_their_server(page: "Page", servers: Up) -> None:
    """As they would by themselves, a service that counts who uses them."""
    page.goto(f"{servers.prefect_url}/settings")
    page.get_by_text("Settings").first.wait_for()
    assert page.evaluate(ASK, "https://elsewhere.example/") == "connect-src"


def test_mlflow_opens_on_the_training_runs(page: "Page", servers: Up, tmp_path: Path) -> None:
    """By the address that `nightshift up` prints."""
    page.goto(printed(servers, "MLflow"))
    page.get_by_text(_mlflow_run(servers)["run_name"]).first.wait_for()
    page.screenshot(path=tmp_path / "experiment.png")


def test_mlflow_draws_the_loss_curve(page: "Page", servers: Up, tmp_path: Path) -> None:
    run = _mlflow_run(servers)
    page.goto(page_of(servers.mlflow_url, f"experiments/{run['experiment_id']}/runs/{run['run_id']}/model-metrics"))
    page.get_by_placeholder("Search metric charts").fill("loss")
    curve = page.locator(".scatterlayer .trace path.js-line").first
    curve.wait_for(state="attached")
    page.screenshot(path=tmp_path / "curve.png")
    assert curve.get_attribute("d").count("L") > 1  # a line through several points


def test_mlflow_has_the_page_without_samples(servers: Up) -> None:
    found = servers.mlflow(f"/artifacts/list?run_id={_mlflow_run(servers)['run_id']}")["files"]
    assert [file["path"] for file in found if file["path"].endswith(".html")] == ["refresh.html"]


def test_mlflow_shows_the_champion(page: "Page", servers: Up, tmp_path: Path) -> None:
    page.goto(page_of(servers.mlflow_url, "models/nightshift-tiny"))
    page.locator("tr,[role=row]", has_text="Version 1").get_by_text("champion").first.wait_for()
    page.screenshot(path=tmp_path / "champion.png")


def _mlflow_run(servers: Up) -> dict[str, Any]:
    experiment = servers.mlflow("/experiments/get-by-name?experiment_name=nightshift")["experiment"]
    (run,) = servers.mlflow("/runs/search", {"experiment_ids": [experiment["experiment_id"]]})["runs"]
    info: dict[str, Any] = run["info"]
    return info
