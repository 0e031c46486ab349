"""Folders as other tools lay them out: what in them is no document, and which links are theirs.

a dataset that `datasets` saved      data-00000-of-00001.arrow, dataset_info.json, state.json; over several of them
                                     dataset_dict.json
the cache of the Hugging Face hub    datasets--owner--name/{blobs/<digest>, refs/main, snapshots/<revision>/<file>},
                                     where files of snapshots are links to blobs
"""

import re
from collections.abc import Collection
from pathlib import Path

DESCRIPTION, HUB = "dataset description", "cache of the hub"
REPOSITORY = re.compile(r"(?:datasets|models|spaces)--.+")


def of_tools(folder: Path, names: Collection[str]) -> dict[str, str]:
    """The entries of a folder, of these names, that are no documents, each with the kind that it is counted under."""
    found = {}
    if "dataset_info.json" in names and any(name.endswith(".arrow") for name in names):
        found = {"dataset_info.json": DESCRIPTION, "state.json": DESCRIPTION}
    if "dataset_dict.json" in names and any((folder / name / "dataset_info.json").is_file() for name in names):
        found["dataset_dict.json"] = DESCRIPTION
    if "snapshots" in names and REPOSITORY.fullmatch(folder.name):
        found |= {"blobs": HUB, "refs": HUB}
    return found


def is_of_hub(target: Path, root: Path) -> bool:
    """Whether a link from below `root`, one of the snapshots of a repository or all, leads to its blobs.

    Both are real paths, without links.
    """
    blobs = target.parent
    repository = blobs.parent
    is_one = blobs.name == "blobs" and REPOSITORY.fullmatch(repository.name) is not None
    return is_one and root.is_relative_to(repository / "snapshots")
