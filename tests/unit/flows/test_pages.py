"""The pages of refreshes on Prefect's server: who is let in, and to what."""

import base64
from pathlib import Path

import pytest

from flows.doors import PrefectDoors
from flows.pages import Pages, link_to
from tests.unit.flows.test_doors import AUTH, _behind, ask

NAME = "2026-11-30-220455-1f0c9a2b"
LOGIN = {"authorization": f"Basic {base64.b64encode(AUTH.encode()).decode()}"}


@pytest.fixture
def doors(tmp_path: Path) -> PrefectDoors:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / f"{NAME}.html").write_text("<h1>灯笼</h1>", encoding="utf-8")
    (tmp_path / "secret.html").write_text("secret", encoding="utf-8")
    return PrefectDoors(Pages(_behind, auth=AUTH, folder=tmp_path / "reports"), auth=AUTH)


def test_a_page_is_for_who_is_let_in(doors: PrefectDoors) -> None:
    assert ask(doors, f"/report/{NAME}.html", headers=LOGIN).text == "<h1>灯笼</h1>"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic "}, {"authorization": "Basic bmlnaHQ6"}])
def test_nobody_else_gets_it(doors: PrefectDoors, headers: dict[str, str]) -> None:
    answer = ask(doors, f"/report/{NAME}.html", headers=headers)
    assert answer.status_code == 401
    assert "灯笼" not in answer.text


@pytest.mark.parametrize("name", ["../secret", "..%2Fsecret", f"{NAME}.html%00", "2026-11-30", f"{NAME}/../../secret"])
def test_no_other_file_is_told(doors: PrefectDoors, name: str) -> None:
    assert ask(doors, f"/report/{name}.html", headers=LOGIN).text == "inside"  # Prefect's own answer


def test_a_page_that_is_gone_says_how_to_make_one(doors: PrefectDoors) -> None:
    answer = ask(doors, "/report/1999-01-01-000000-00000000.html", headers=LOGIN)
    assert (answer.status_code, "`nightshift report`" in answer.text) == (404, True)


def test_the_page_may_run_scripts_of_this_server_alone(doors: PrefectDoors) -> None:
    for path in (link_to(Path(f"{NAME}.html")), f"/report/{NAME}.html"):
        policy = ask(doors, path, headers=LOGIN).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
    assert ask(doors, "/report.js").headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("path", ["/reports", "/report/", "/api/report", "/"])
def test_all_else_is_prefects(doors: PrefectDoors, path: str) -> None:
    assert ask(doors, path).text == "inside"


def test_only_looks_are_answered(doors: PrefectDoors) -> None:
    assert ask(doors, "/report", method="POST").text == "inside"
