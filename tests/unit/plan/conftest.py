"""The fixed night, laid out once for a file of tests."""

from collections.abc import Iterator

import pytest

from tests.fixed_night import Fixed
from tests.laid_out import lay_out, night_settings
from tests.tiny_night import KEY


@pytest.fixture(scope="module")
def key_is_set() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTSHIFT_SCRUB_KEY", KEY)
        yield


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory, key_is_set: None) -> Fixed:
    root = tmp_path_factory.mktemp("night")
    settings = night_settings(root)
    return Fixed(root, lay_out(settings, root / "workspace"), settings)
