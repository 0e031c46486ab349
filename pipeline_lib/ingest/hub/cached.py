"""A dataset repository without its hub (HF_HUB_OFFLINE): what lies in the cache of this machine.

A cache holds what somebody asked for, not all there is. So nothing that landed before is taken to be gone.
"""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.ingest.hub.card import told_by
from pipeline_lib.ingest.objects.kept import read_kept
from pipeline_lib.ingest.objects.remote import RemoteFile

if TYPE_CHECKING:
    from pipeline_lib.ingest.sources.hub import HubSource

log = logging.getLogger(__name__)

CARD = "README.md"


class Cached:
    """The snapshot of a revision, as far as it lies here."""

    is_whole = False

    def __init__(self, source: "HubSource", before: Path | None) -> None:
        self._folder = _snapshot(source)
        if self._folder is None and before is None:
            raise SettingsError(
                f"ingest: HF_HUB_OFFLINE is set, and nothing of the dataset of source {source.name!r} is in the cache. "
                f"Unset it, or fetch the dataset first: hf download --repo-type dataset {source.repository}"
            )
        self.told: Mapping[str, str] = _told(self._folder, before, source.repository)
        found = "nothing" if self._folder is None else "a snapshot"
        self.facts: Mapping[str, str] = {"offline": found}
        log.warning("ingest: %r is read offline: %s is in the cache, and nothing is withdrawn", source.name, found)

    def files(self) -> Iterator[RemoteFile]:
        """The files of the snapshot; a link leads to one that is named by its digest."""
        for folder, _, names in os.walk(self._folder or ""):
            for name in sorted(names):
                place = Path(folder, name)
                if place.is_file():
                    path = place.relative_to(self._folder or "").as_posix()
                    yield RemoteFile(path, place.stat().st_size, Path(os.path.realpath(place)).name)

    def fetch(self, file: RemoteFile, target: Path) -> None:
        """See `Remote`."""
        assert self._folder is not None  # it listed the file
        shutil.copyfile(self._folder / file.name, target)


def _snapshot(source: "HubSource") -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = snapshot_download(
            source.repository, repo_type="dataset", revision=source.revision, local_files_only=True
        )
    except LocalEntryNotFoundError:
        return None
    return Path(found)


def _told(folder: Path | None, before: Path | None, repository: str) -> dict[str, str]:
    """What the card of the snapshot tells; without one, what the landing before was told."""
    from huggingface_hub.repocard import metadata_load
    from yaml import YAMLError

    if folder is not None and (folder / CARD).is_file():
        with suppress(ValueError, YAMLError):  # no head, or one that tells nothing
            return told_by(metadata_load(folder / CARD) or {}, repository)
    landed = read_kept(before).values() if before is not None else ()
    return next((dict(one.told) for one in landed), told_by({}, repository))
