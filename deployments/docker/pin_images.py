"""Writes into docker-compose.yml and the Dockerfile by which digest an image is pulled: postgres:17.6@sha256:...

    python deployments/docker/pin_images.py                      asks the registry of each image, by `docker buildx`
    python deployments/docker/pin_images.py --answers FILE       reads {"postgres:17.6": "sha256:..."} instead

A tag can be moved to another image, a digest cannot. The digest is that of the list over all machines, so that the same
line serves x86-64 and arm64. Images that are built here have none. Nothing is written unless each image has its answer.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("docker-compose.yml", "deployments/docker/Dockerfile")
NAMED = re.compile(
    r"^(?P<before>\s+image: |ARG \w+_IMAGE=|# syntax=)(?P<image>[\w./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?", re.M
)
BUILT_HERE = "nightshift"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
ASK = ("docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}")
ASK_SECONDS = 60


class NoDigest(Exception):
    """An image of which no registry tells the digest."""


def images_of(text: str) -> set[str]:
    """The images that a file pulls, as name and tag."""
    named = {found["image"] for found in NAMED.finditer(text)}
    return {image for image in named if not image.startswith(BUILT_HERE)}


def pinned(text: str, digests: dict[str, str]) -> str:
    """The file with the digest behind each image that has one; an older digest is replaced."""

    def with_digest(found: re.Match[str]) -> str:
        digest = digests.get(found["image"])
        return found[0] if digest is None else f"{found['before']}{found['image']}@{digest}"

    return NAMED.sub(with_digest, text)


def asked(image: str) -> str:
    """The digest that the image's registry tells. Raises `NoDigest`."""
    try:
        done = subprocess.run([*ASK, image], capture_output=True, text=True, timeout=ASK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise NoDigest(f"{image}: the registry could not be asked ({exc})") from exc
    return _checked(image, done.stdout.strip(), done.stderr.strip().partition("\n")[0])


def read(path: Path, image: str) -> str:
    """The digest that a file of answers has. Raises `NoDigest`."""
    try:
        answers = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise NoDigest(f"{image}: {path} cannot be read as JSON ({exc})") from exc
    return _checked(image, str(answers.get(image, "")), f"{path} has no answer")


def _checked(image: str, digest: str, reason: str) -> str:
    if not DIGEST.fullmatch(digest):
        raise NoDigest(f"{image}: {f'{digest!r} is no digest' if digest else reason or 'the registry said nothing'}")
    return digest


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--answers", type=Path, metavar="FILE", help="JSON with a digest for each image, not a registry"
    )
    answers = parser.parse_args(arguments).answers
    texts = {root / place: (root / place).read_text("utf-8") for place in PLACES}
    images = sorted(set().union(*map(images_of, texts.values())))
    try:
        digests = {image: asked(image) if answers is None else read(answers, image) for image in images}
    except NoDigest as exc:
        print(
            f"{exc}. Nothing was written. Run this where docker (with buildx) reaches the registry, or give --answers.",
            file=sys.stderr,
        )
        return 1
    for path, text in texts.items():
        path.write_text(pinned(text, digests), "utf-8")
    print("\n".join(f"{image}@{digest}" for image, digest in digests.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
