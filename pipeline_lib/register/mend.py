"""Files of a version that are lost or damaged are put back, from the same model put together once more.

The version's own list says which of the files at hand are what was uploaded: the card, and the libraries that a package
names, may be others by now. So weights come back whatever was installed since; what cannot come back stays damaged.
"""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline_lib.base.errors import DamagedArtifact
from pipeline_lib.register.package import DIGESTS_FILE
from pipeline_lib.register.registry import FILES_TAG, Registry, Version, download
from pipeline_lib.register.signature import KEY_FILE, SIGNATURE_FILE
from pipeline_lib.store.sealed import Fault, fault_in, listed


def put_back(client: Any, registry: Registry, version: Version, package: Path) -> None:
    """Upload those files of `package`, the same model, that the version has lost, and that are as they were."""
    with tempfile.TemporaryDirectory() as temporary:
        there, chosen = Path(temporary, "there"), Path(temporary, "chosen")
        there.mkdir()
        with suppress(DamagedArtifact):  # nothing of it is there
            there = download(client, registry, version, there)
        for name in _lost(there, package, version.tags.get(FILES_TAG, "")):
            (chosen / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package / name, chosen / name)
        if chosen.is_dir():
            _upload(client, registry, version, chosen)


def _upload(client: Any, registry: Registry, version: Version, chosen: Path) -> None:
    """Over what is there; nothing where somebody deleted MLflow's logged model, in which the files of a version lie."""
    from mlflow.exceptions import MlflowException

    source = client.get_model_version(registry.name, str(version.number)).source
    try:
        client.log_model_artifacts(source.removeprefix("models:/"), str(chosen))
    except MlflowException as exc:
        if exc.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _lost(there: Path, package: Path, digest: str) -> list[str]:
    """What is lost there and at hand in `package`."""
    sums, is_list_there = listed(there, DIGESTS_FILE, digest=digest), True
    if isinstance(sums, Fault):
        sums, is_list_there = listed(package, DIGESTS_FILE, digest=digest), False
    if isinstance(sums, Fault):
        return []
    names = [name for name, entry in sums.items() if fault_in(there, {name: entry})]
    at_hand = [name for name in names if not fault_in(package, {name: sums[name]})]
    return at_hand if is_list_there else [*at_hand, DIGESTS_FILE, SIGNATURE_FILE, KEY_FILE]
