"""A dataset repository as the hub answers for it: one revision, its files by their digests, and its card.

A file is known by the digest that the hub has for it: SHA-256 of one that lies in its large store, else the one of git
(SHA-1 over a head and the bytes). What comes is compared with it.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_lib.base.errors import NightshiftError, SettingsError, UpstreamError
from pipeline_lib.base.secrets import secret_in
from pipeline_lib.ingest.hub.card import told_by
from pipeline_lib.ingest.objects.remote import Gone, RemoteFile
from pipeline_lib.ingest.streams import CHUNK_BYTES

if TYPE_CHECKING:
    from pipeline_lib.ingest.sources.hub import HubSource

ANSWER_SECONDS = 60.0
YES = {"1", "ON", "YES", "TRUE"}  # as huggingface_hub reads it


def is_offline() -> bool:
    """Whether the environment says that the hub is not to be asked."""
    return any(os.environ.get(name, "").upper() in YES for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


class Repository:
    """The revision of a dataset that a source asks for."""

    is_whole = True

    def __init__(self, source: "HubSource", work: Path) -> None:
        from huggingface_hub import HfApi
        from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # it is, and documented

        disable_progress_bars()
        self._source, self._cache = source, work / "hub"
        self._api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=secret_in("HF_TOKEN", source.name) or False)
        info = self._ask(self._api.dataset_info, source.repository, revision=source.revision, timeout=ANSWER_SECONDS)
        self._commit = str(info.sha or source.revision)
        self.told: Mapping[str, str] = told_by(info.card_data or {}, source.repository)
        self.facts: Mapping[str, str] = {"revision": self._commit}

    def files(self) -> Iterator[RemoteFile]:
        """The files of the revision."""
        from huggingface_hub import RepoFile

        for entry in self._ask(self._listed):
            if isinstance(entry, RepoFile):
                yield RemoteFile(entry.path, entry.size, entry.lfs.sha256 if entry.lfs else entry.blob_id)

    def fetch(self, file: RemoteFile, target: Path) -> None:
        """See `Remote`."""
        from huggingface_hub.errors import RemoteEntryNotFoundError

        try:
            found = self._ask(
                self._api.hf_hub_download,
                self._source.repository,
                file.name,
                repo_type="dataset",
                revision=self._commit,
                cache_dir=self._cache,
            )
        except RemoteEntryNotFoundError as exc:
            raise Gone from exc
        Path(os.path.realpath(found)).replace(target)
        if digest_of_hub(target, file.version) != file.version:
            target.unlink()
            raise UpstreamError(
                f"ingest: a file of source {self._source.name!r} came otherwise than the hub lists it. Run again."
            )

    def _listed(self) -> list[Any]:
        return list(
            self._api.list_repo_tree(
                self._source.repository, repo_type="dataset", revision=self._commit, recursive=True
            )
        )

    def _ask(self, what: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """What the hub answers. Its errors are raised as ours, but for a file that is not there, and our own disk's."""
        from httpx2 import HTTPError
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RemoteEntryNotFoundError

        try:
            return what(*given, **named)
        except RemoteEntryNotFoundError:
            raise
        except HfHubHTTPError as exc:
            raise _refused(exc, self._source) from exc
        except (HTTPError, LocalEntryNotFoundError, ConnectionError, TimeoutError) as exc:
            # Without their causes: some quote what was sent, and the token is of that.
            raise _unanswered(type(exc).__name__, self._source) from None
        except (ValueError, KeyError, TypeError, AttributeError):  # not the JSON that the hub gives
            raise _unanswered("no answer of a hub", self._source) from None


def digest_of_hub(path: Path, like: str) -> str:
    """The digest of a file as the hub has it, of the kind that `like` is."""
    is_large = len(like) == 2 * hashlib.sha256().digest_size
    digest = hashlib.sha256() if is_large else hashlib.sha1(usedforsecurity=False)
    if not is_large:
        digest.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as raw:
        while chunk := raw.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _refused(exc: Any, source: "HubSource") -> NightshiftError:
    """The error for an answer with a status."""
    from huggingface_hub.errors import DisabledRepoError, GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    who = f"ingest: the dataset of source {source.name!r}"
    status = getattr(getattr(exc, "response", None), "status_code", 0)
    if isinstance(exc, GatedRepoError):
        return SettingsError(
            f"{who} is given to those who accepted its conditions. Accept them on its page, and put a token of that "
            "user into the environment variable HF_TOKEN."
        )
    if isinstance(exc, RevisionNotFoundError):
        return SettingsError(f"{who} has no such revision. Correct its revision: a branch, a tag or a whole commit.")
    if isinstance(exc, DisabledRepoError):
        return SettingsError(f"{who} was closed. Take the source out of the settings: what was read of it stays.")
    if isinstance(exc, RepositoryNotFoundError) or status in (401, 403):
        return SettingsError(
            f"{who} is not there, or not for this user (status {status}). Correct its repository; for a private one "
            "put a token into the environment variable HF_TOKEN."
        )
    return _unanswered(f"status {status}", source)


def _unanswered(what: str, source: "HubSource") -> UpstreamError:
    return UpstreamError(
        f"ingest: the hub of source {source.name!r} does not answer ({what}). Look at the network and at HF_ENDPOINT, "
        "then run again: what was fetched is kept. HF_HUB_OFFLINE=1 goes on with what is in the cache."
    )
