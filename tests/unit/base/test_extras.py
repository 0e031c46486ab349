"""Packages that only some settings need."""

import importlib.metadata

import pytest

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.extras import release_of


def test_the_release_of_a_package_that_is_there() -> None:
    found = release_of("pyarrow", extra="x", asked_by="a.b = 1", instead="2")
    assert found == importlib.metadata.version("pyarrow")


def test_where_it_is_missing_it_says_who_asks_what_to_install_and_what_does_without() -> None:
    with pytest.raises(SettingsError) as raised:
        release_of("no-such-package", extra="more", asked_by='a.b = "c"', instead='"d"')
    said = str(raised.value)
    assert said.startswith('a.b = "c" needs no-such-package')
    assert "pip install 'nightshift[more]'" in said
    assert said.endswith('or set it to "d".')
