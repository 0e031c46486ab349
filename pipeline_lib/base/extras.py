"""Packages that only some settings need: extras of ours, which an installation may lack."""

from importlib import metadata

from pipeline_lib.base.errors import SettingsError


def release_of(package: str, *, extra: str, asked_by: str, instead: str) -> str:
    """The release of a package that is installed: what decides as a setting does.

    Raises `SettingsError` where it is not, with the setting that asks for it (`dedup.chinese_scripts = "unified"`), the
    extra that brings it, and the value that does without.
    """
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError as exc:
        raise SettingsError(
            f"{asked_by} needs {package}, and that is not installed. Install the extra '{extra}' "
            f"(pip install 'nightshift[{extra}]'), or set it to {instead}."
        ) from exc
