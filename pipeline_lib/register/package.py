"""The folder that is uploaded: a model that MLflow's own client loads, and nothing that could run code (harmless.py).

    MLmodel, conda.yaml, python_env.yaml, requirements.txt     what MLflow wants
    README.md                                                  the model card
    model/                                                     Hugging Face folder, its weights as they were trained,
                                                               the rest as others serve it (serving.py)
    components/tokenizer/                                      its tokenizer again, where MLflow looks for it
    variants/<scheme>/                                         each smaller variant, a model folder by itself
    digests.json                                               size and SHA-256 of each of the files above
    model.sig, signing_key.pub                                 the signature of all of it (signature.py)

`mlflow.transformers.save_model` is not used: it loads the model into memory and writes it anew, asks the model hub
about it by its folder's name, and given a path instead of a loaded model fails with transformers 5 (MLflow 3.17.2).
What it writes is small and stable, since MLflow must read what its older versions wrote.

The folder is the same for the same inputs, so an upload that was killed can be finished by the next one. What signs it
is apart: packages of before models were signed are signed as they are.
"""

import hashlib
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.model.records import MODEL_FOLDER, VARIANT_FILE
from pipeline_lib.register.harmless import check_files
from pipeline_lib.register.serving import CALLED_WITH, PARAMETERS, make_ready
from pipeline_lib.register.signature import KEY_FILE, SIGNATURE_FILE
from pipeline_lib.store.files import read_json, readable, sha256_of
from pipeline_lib.store.sealed import fault_of, seal, sums_of

DIGESTS_FILE = "digests.json"
CARD_FILE = "README.md"
VARIANTS_FOLDER = "variants"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
REQUIRED_LIBRARIES = ("mlflow", "torch", "transformers", "tokenizers", "safetensors")
# Not in the list of files: what signs it, and what MLflow writes beside the files when it loads them.
APART = frozenset({SIGNATURE_FILE, KEY_FILE, "registered_model_meta"})
WITHOUT_SUFFIX = APART | {"MLmodel"}


@dataclass(frozen=True)
class Contents:
    """What goes into a package."""

    model: Path
    variants: Mapping[str, Path]  # artifact of each, by its scheme
    card: str
    identity: str  # 32 hexadecimal characters; MLflow's model_uuid


def build(contents: Contents, folder: Path) -> str:
    """Fill the empty `folder`; the digest of all its files. Raises `DataError` for a file that may not be in it."""
    shutil.copytree(contents.model, folder / MODEL_FOLDER)
    for scheme, artifact in contents.variants.items():
        shutil.copytree(artifact / MODEL_FOLDER, folder / VARIANTS_FOLDER / scheme)
        shutil.copyfile(artifact / VARIANT_FILE, folder / VARIANTS_FOLDER / scheme / VARIANT_FILE)
    (folder / CARD_FILE).write_text(contents.card, encoding="utf-8")
    _write_mlflow_files(contents, folder)
    check_files(folder, also=WITHOUT_SUFFIX)
    for served in (MODEL_FOLDER, *(f"{VARIANTS_FOLDER}/{scheme}" for scheme in contents.variants)):
        make_ready(folder / served)
    (folder / "components" / "tokenizer").mkdir(parents=True)
    for name in TOKENIZER_FILES:
        if (folder / MODEL_FOLDER / name).is_file():
            shutil.copyfile(folder / MODEL_FOLDER / name, folder / "components" / "tokenizer" / name)
    return seal(folder, DIGESTS_FILE)


def verify(folder: Path, files_digest: str) -> None:
    """Raise `DamagedArtifact` unless the package holds exactly the files that were uploaded, and `DataError` for one
    that may not be in a model."""
    fault = fault_of(folder, DIGESTS_FILE, digest=files_digest, apart=APART)
    if fault is not None:
        raise DamagedArtifact(
            f"{fault} in the registered model, which is not what was uploaded. It stays out of service."
        )
    check_files(folder, also=WITHOUT_SUFFIX)


def files_of(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a verified package, its list among them: what is signed."""
    listed = {str(name): str(entry["sha256"]) for name, entry in read_json(folder / DIGESTS_FILE).items()}
    return {**listed, DIGESTS_FILE: sha256_of(folder / DIGESTS_FILE)}


def digest_of(folder: Path) -> str:
    """A digest of all files of a package that somebody else made. Raises `DataError` when one may not be in a model, or
    when there is none that a night could compare with."""
    check_files(folder, also=WITHOUT_SUFFIX)
    if not (folder / MODEL_FOLDER / "config.json").is_file():
        raise DataError(
            f"{MODEL_FOLDER}/config.json: is missing, so no night can measure this model. Register another."
        )
    sums = {name: asdict(entry) for name, entry in sums_of(folder, apart=APART).items()}
    return hashlib.sha256(readable(sums).encode()).hexdigest()


def _write_mlflow_files(contents: Contents, folder: Path) -> None:
    """MLmodel with the flavours `transformers` and `python_function`, and the environment in MLflow's three files."""
    from mlflow import pyfunc
    from mlflow.models import Model
    from mlflow.models.signature import ModelSignature
    from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema

    text = Schema([ColSpec("string")])
    asked = ParamSchema([ParamSpec(name, kind, None) for name, kind in PARAMETERS.items()])
    model = Model(
        model_uuid=contents.identity,
        utc_time_created="1970-01-01 00:00:00",  # the registry knows when; the folder stays the same
        signature=ModelSignature(inputs=text, outputs=text, params=asked),
    )
    config = read_json(contents.model / "config.json")
    model.add_flavor(
        "transformers",
        transformers_version=metadata.version("transformers"),
        code=None,
        task="text-generation",
        instance_type="TextGenerationPipeline",
        pipeline_model_type=config["architectures"][0],
        source_model_name=MODEL_FOLDER,
        model_binary=MODEL_FOLDER,
        torch_dtype="torch.float32",
        components=["tokenizer"],
        tokenizer_type=read_json(contents.model / "tokenizer_config.json")["tokenizer_class"],
    )
    environment = {"conda_env": "conda.yaml", "python_env": "python_env.yaml"}
    pyfunc.add_to_model(model, "mlflow.transformers", model_config=CALLED_WITH, **environment)
    model.save(str(folder / "MLmodel"))
    _write_environment(folder)


def _write_environment(folder: Path) -> None:
    """The libraries by name and version: left to itself, MLflow finds them by loading the model in another process."""
    python = platform.python_version()
    pins = [f"{name}=={metadata.version(name).split('+')[0]}" for name in REQUIRED_LIBRARIES]
    conda_pins = "".join(f"  - {pin}\n" for pin in pins)
    texts = {
        "requirements.txt": "".join(f"{pin}\n" for pin in pins),
        "python_env.yaml": f"python: {python}\nbuild_dependencies: [pip]\ndependencies: [-r requirements.txt]\n",
        "conda.yaml": "name: mlflow-env\nchannels: [conda-forge]\ndependencies:\n"
        f"- python={python}\n- pip\n- pip:\n{conda_pins}",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
