"""Model versions in MLflow: finding, adding and fetching them.

MLflow guards nothing by itself: a version may point at nothing, and files may change under it. So each version carries
the digest of its package and the key that signed it as tags, and is opened only when all of that holds (opened.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact, GateRefused, SettingsError
from pipeline_lib.base.failpoint import failpoint
from pipeline_lib.model.tracking import Place, check_answers, connect, unreachable
from pipeline_lib.store.databases import is_damaged
from pipeline_lib.store.home import as_it_stands

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
FINGERPRINT_TAG = "nightshift.model_fingerprint"
VARIANTS_TAG = "nightshift.variants_digest"
FILES_TAG = "nightshift.files_digest"
KEY_TAG = "nightshift.signing_key"  # the public key in one line
OUR_TAGS = "nightshift."
KEYS_FOLDER = "keys"  # in the workspace
ALIASES_MEAN = (
    "Models of Nightshift. `champion` is the one in service, `challenger` the newest one that did not replace it, "
    "`previous` the champion that `nightshift rollback` puts back."
)
MAX_DESCRIPTION = 5000  # characters; MLflow's own limit
# An MLflow server that is down, too busy or behind a broken proxy; a locked database is TEMPORARILY_UNAVAILABLE.
RECOVERABLE_CODES = frozenset({"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"})


@dataclass(frozen=True)
class Registry:
    """One registered model, the folder with the ledger and the lock of its promotions, and whose signatures count."""

    place: Place
    name: str
    folder: Path
    workspace: Path  # which has the key that signs
    trusted_keys: tuple[str, ...] = ()  # of others: `register.trusted_keys`


@dataclass(frozen=True)
class Version:
    """One version of the registered model."""

    number: int
    run_id: str
    tags: Mapping[str, str]

    @property
    def model_fingerprint(self) -> str:
        """Which model artifact it is."""
        return self.tags.get(FINGERPRINT_TAG, "")

    def is_same_model(self, other: "Version") -> bool:
        """Whether both are one model with the same variants: registered again, since files of the first are damaged."""
        made_from = [(version.model_fingerprint, version.tags.get(VARIANTS_TAG)) for version in (self, other)]
        return made_from[0] == made_from[1] and self.model_fingerprint != ""


@contextmanager
def client_of(registry: Registry) -> Iterator[Any]:
    """An MLflow client whose errors are raised as ours: `UpstreamError` where another try may help."""
    check_answers(registry.place)
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield connect(registry.place)
    except SQLAlchemyError as exc:
        raise unreachable(registry.place) from exc
    except MlflowException as exc:
        if exc.error_code in RECOVERABLE_CODES or (registry.place.is_local and is_damaged(registry.place.database)):
            raise unreachable(registry.place) from exc
        raise SettingsError(
            f"MLflow at {registry.place.shown} refuses ({exc.error_code}). "
            "Check register.tracking_uri and your rights there."
        ) from exc


def version_by_alias(registry: Registry, alias: str) -> Version | None:
    """The version an alias points to, or None."""
    with client_of(registry) as client:
        return alias_of(client, registry.name, alias)


def version_by_number(registry: Registry, number: int) -> Version:
    """A version by its number. Raises `SettingsError` when there is none."""
    with client_of(registry) as client:
        found = version_or_none(client, registry.name, number)
    if found is None:
        raise no_such_version(registry, number, [version.number for version in versions(registry)])
    return found


def no_previous(registry: Registry, best: int | None = None) -> GateRefused:
    """What refuses a rollback that has nowhere to go; `best`: a version that could be promoted instead."""
    instead = "" if best is None else f": nightshift promote {best}"
    return GateRefused(f"{registry.name} has no previous champion to go back to. Promote a version instead{instead}.")


def no_such_version(registry: Registry, number: int, there: Iterable[int]) -> SettingsError:
    """The error for a version that does not exist."""
    known = ", ".join(map(str, sorted(there))) or "none yet"
    return SettingsError(f"{registry.name} has no version {number}. There are: {known}.")


def version_or_none(client: Any, name: str, number: int | None) -> Version | None:
    """A version by its number and an open client; None where there is none."""
    from mlflow.exceptions import MlflowException

    if number is None:
        return None
    try:
        return _version(client.get_model_version(name, str(number)))
    except MlflowException as exc:
        if exc.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None


def versions(registry: Registry) -> list[Version]:
    """All versions, oldest first."""
    with client_of(registry) as client:
        found = client.search_model_versions(f"name = '{registry.name}'")
        return sorted((_version(entry) for entry in found), key=lambda version: version.number)


def aliases(registry: Registry) -> dict[str, int]:
    """The number of the version each alias points to, whether there is one or not."""
    with client_of(registry) as client:
        return aliases_of(client, registry.name)


def aliases_of(client: Any, name: str) -> dict[str, int]:
    """The same by an open client."""
    models = client.search_registered_models(f"name = '{name}'")
    return {alias: number_of(version) for model in models for alias, version in model.aliases.items()}


def number_of(version: object) -> int:
    """The number of a version that an alias names; 0, which MLflow gives to none, where it names no number."""
    text = str(version)
    return int(text) if text.isascii() and text.isdecimal() else 0


def alias_of(client: Any, name: str, alias: str) -> Version | None:
    """The version an alias points to, by an open client; None also where that version was deleted."""
    return version_or_none(client, name, aliases_of(client, name).get(alias))


def find_versions(client: Any, registry: Registry, model_fingerprint: str, variants_digest: str) -> list[Version]:
    """The versions of that model with those variants, the newest first."""
    query = f"name = '{registry.name}' and tags.`{FINGERPRINT_TAG}` = '{model_fingerprint}'"
    found = sorted((_version(entry) for entry in client.search_model_versions(query)), key=lambda v: -v.number)
    return [version for version in found if version.tags.get(VARIANTS_TAG) == variants_digest]


def signed_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Those that say what a version was made from, which its signature covers. The files have a digest of their own."""
    return {
        name: value for name, value in tags.items() if name.startswith(OUR_TAGS) and name not in (FILES_TAG, KEY_TAG)
    }


def download(client: Any, registry: Registry, version: Version, temporary: Path) -> Path:
    """A local path of the package: the registry's own one where that is a folder of this machine.

    Raises `DamagedArtifact` when it cannot be fetched.
    """
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        uri = client.get_model_version_download_uri(registry.name, str(version.number))
        if registry.place.is_local:
            uri = as_it_stands(uri, registry.place.database.parent)
        target = None if uri.startswith("file:") else str(temporary)
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=target))
    except (MlflowException, OSError) as exc:
        raise DamagedArtifact(f"{registry.name} version {version.number}: its files cannot be fetched.") from exc


@dataclass(frozen=True)
class Upload:
    """A package and how it is to be registered."""

    package: Path
    files_digest: str
    key: str  # the public key that signed it, in one line
    experiment_id: str
    run_id: str
    tags: Mapping[str, str]
    card: str  # shown as the description of the version

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags of the logged model and of the version."""
        return {**self.tags, FILES_TAG: self.files_digest, KEY_TAG: self.key}


def upload_package(client: Any, registry: Registry, upload: Upload) -> str:
    """The id of MLflow's logged model with these files, all of them uploaded.

    Packages are the same for the same inputs, so uploading again over one that was cut off completes it.
    """
    begun = client.search_logged_models(
        [upload.experiment_id], filter_string=f"tags.`{FILES_TAG}` = '{upload.files_digest}'"
    )
    # Not what another workspace has signed: it would have our signature beside its tags.
    model = next((found for found in begun if found.tags.get(KEY_TAG, upload.key) == upload.key), None)
    if model is None:
        model = client.create_logged_model(
            upload.experiment_id,
            name=registry.name,
            source_run_id=upload.run_id,
            tags=upload.all_tags,
            model_type="text-generation",
        )
    failpoint("register", "during_upload")
    client.log_model_artifacts(model.model_id, str(upload.package))
    client.finalize_logged_model(model.model_id, "READY")
    failpoint("register", "after_upload")
    return str(model.model_id)


def add_version(client: Any, registry: Registry, upload: Upload, model_id: str) -> Version:
    """Make a version of an uploaded package."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(registry.name, description=ALIASES_MEAN)
    except MlflowException as exc:
        if exc.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    made = client.create_model_version(
        registry.name,
        source=f"models:/{model_id}",
        run_id=upload.run_id,
        model_id=model_id,
        tags=upload.all_tags,
        description=upload.card[:MAX_DESCRIPTION],
    )
    failpoint("register", "after_version")
    return Version(int(made.version), upload.run_id, upload.all_tags)


def _version(found: Any) -> Version:
    return Version(int(found.version), str(found.run_id or ""), dict(found.tags))
