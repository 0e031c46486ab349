"""Whether last night's trunk fits: same shape, same optimizer, same tokenizer. Light: reads two small files."""

from pathlib import Path

from pipeline_lib.store.artifact import digest_of
from pipeline_lib.store.files import read_json, sha256_of
from pipeline_lib.train.settings import TrainSettings

TRUNK_FILE = "trunk.json"
SHAPE = (
    "architecture",
    "hidden_size",
    "num_layers",
    "num_heads",
    "num_kv_heads",
    "intermediate_size",
    "optimizer",
)


def lineage(settings: TrainSettings, tokenizer: Path) -> str:
    """The name of what a trunk and its continuation must have in common."""
    shape = settings.model_dump(include=set(SHAPE))
    return digest_of({"shape": shape, "tokenizer": sha256_of(tokenizer / "tokenizer.json")})


def trunk_fits(settings: TrainSettings, tokenizer: Path, trunk: Path) -> bool:
    """Whether a training with these settings can go on from the trunk in this folder."""
    try:
        return bool(read_json(trunk / TRUNK_FILE)["lineage"] == lineage(settings, tokenizer))
    except (OSError, ValueError, KeyError):
        return False
