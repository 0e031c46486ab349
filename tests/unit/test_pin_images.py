"""Images by digest: what the script writes into the two files, and when it writes nothing. No registry is asked."""

import json
import shutil
from pathlib import Path

import pytest

from deployments.docker import pin_images

ROOT = Path(__file__).resolve().parents[2]
DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
COMPOSE = """\
services:
  postgres:
    image: postgres:17.6-bookworm
  worker:
    image: nightshift:0.1.0
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for place in pin_images.PLACES:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / place, tmp_path / place)
    return tmp_path


def test_a_digest_goes_behind_the_tag_of_what_is_pulled_not_of_what_is_built_here() -> None:
    assert pin_images.images_of(COMPOSE) == {"postgres:17.6-bookworm"}
    assert pin_images.pinned(COMPOSE, {"postgres:17.6-bookworm": DIGEST}) == COMPOSE.replace(
        "postgres:17.6-bookworm", f"postgres:17.6-bookworm@{DIGEST}"
    )


def test_an_older_digest_is_replaced() -> None:
    once = pin_images.pinned(COMPOSE, {"postgres:17.6-bookworm": DIGEST})
    assert pin_images.images_of(once) == {"postgres:17.6-bookworm"}
    assert pin_images.pinned(once, {"postgres:17.6-bookworm": OTHER}) == once.replace(DIGEST, OTHER)


def test_every_image_that_our_files_pull_gets_its_digest(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _texts(checkout)
    images = set().union(*map(pin_images.images_of, before))
    assert len(images) == 4  # Postgres, the store, Python, and what reads the Dockerfile
    assert pin_images.main(["--answers", _answers(checkout, dict.fromkeys(images, DIGEST))], checkout) == 0
    for image in images:
        assert any(f"{image}@{DIGEST}\n" in text for text in _texts(checkout))
    assert [text.replace(f"@{DIGEST}", "") for text in _texts(checkout)] == before
    assert capsys.readouterr().out.count(f"@{DIGEST}\n") == 4


@pytest.mark.parametrize(
    ("answer", "told"),
    [("", "has no answer"), ("sha256:12", "'sha256:12' is no digest"), (f"{DIGEST}\n", "is no digest")],
)
def test_nothing_is_written_unless_every_image_has_its_digest(
    checkout: Path, capsys: pytest.CaptureFixture[str], answer: str, told: str
) -> None:
    before = _texts(checkout)
    answers = {**dict.fromkeys(set().union(*map(pin_images.images_of, before)), DIGEST), "rustfs/rustfs:1.0.0": answer}
    assert pin_images.main(["--answers", _answers(checkout, answers)], checkout) == 1
    error = capsys.readouterr().err
    assert error.startswith("rustfs/rustfs:1.0.0: ") and told in error and "Nothing was written." in error
    assert _texts(checkout) == before


def test_answers_that_cannot_be_read_are_told(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pin_images.main(["--answers", str(checkout / "none.json")], checkout) == 1
    assert "none.json cannot be read as JSON" in capsys.readouterr().err


def test_where_no_registry_can_be_asked_nothing_is_written(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(checkout))  # no docker
    before = _texts(checkout)
    assert pin_images.main([], checkout) == 1
    assert "the registry could not be asked" in capsys.readouterr().err
    assert _texts(checkout) == before


def _texts(checkout: Path) -> list[str]:
    return [(checkout / place).read_text(encoding="utf-8") for place in pin_images.PLACES]


def _answers(folder: Path, answers: dict[str, str]) -> str:
    path = folder / "answers.json"
    path.write_text(json.dumps(answers), encoding="utf-8")
    return str(path)
