"""Versions that have learned a document which was forgotten since say so in MLflow, by a tag.

The tag is no part of what a version was made from, so its name is not one that its signature covers.
"""

from collections.abc import Collection, Mapping

from pipeline_lib.register.registry import Registry, client_of
from pipeline_lib.register.standing import Standing, standing

TAG = "forgotten_documents"  # how many of the documents it learned were forgotten since


def tag_versions(registry: Registry, recorded: Collection[str], counts: Mapping[str, int]) -> list[Standing]:
    """Tag each version with how many documents of its model are forgotten, by model fingerprint; those versions.

    Raises as `standing`.
    """
    found = [version for version in standing(registry, recorded) if counts.get(version.model)]
    _tag(registry, {(version.name, version.number): counts[version.model] for version in found})
    return found


def tag_version(registry: Registry, number: int, count: int) -> None:
    """Tag one version of the registered model. Raises `UpstreamError` when MLflow cannot be reached."""
    _tag(registry, {(registry.name, number): count})


def _tag(registry: Registry, counts: Mapping[tuple[str, int], int]) -> None:
    if counts:
        with client_of(registry) as client:
            for (name, number), count in counts.items():
                client.set_model_version_tag(name, str(number), TAG, str(count))
