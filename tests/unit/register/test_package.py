"""What may be in a registered model, and what is noticed when it changes."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.processors import ByteLevel, TemplateProcessing
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

from pipeline_lib.base.errors import DamagedArtifact, DataError
from pipeline_lib.register.harmless import ALLOWED_SUFFIXES
from pipeline_lib.register.package import Contents, build, verify
from tests.flips import flip
from tests.tiny_graph import write_graph
from tests.tiny_model import CONTEXT_TOKENS, write_model

IDENTITY = "a" * 32


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def model(trained: Path, tmp_path: Path) -> Path:
    """A copy of the trained model to spoil."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in trained.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    return folder


def test_a_package_holds_only_files_that_cannot_run_code(model: Path, package: Path) -> None:
    build(Contents(model, {}, "# card", IDENTITY), package)
    suffixes = {path.suffix for path in package.rglob("*") if path.is_file() and path.name != "MLmodel"}
    assert suffixes <= ALLOWED_SUFFIXES
    assert (package / "model" / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    "around",
    [None, TemplateProcessing(single="$A", special_tokens=[]), ByteLevel(trim_offsets=True)],
    ids=["none", "adds_nothing", "offsets"],
)
def test_what_is_packed_is_served_as_it_was_trained(around: Any, model: Path, package: Path) -> None:
    """With the start that training sets before a document, a cache, and an end where the context ends."""
    bare = Tokenizer.from_file(str(model / "tokenizer.json"))
    bare.post_processor = around
    bare.save(str(model / "tokenizer.json"))
    for name, value in (("config.json", {"use_cache": False}), ("tokenizer_config.json", {})):
        said = json.loads((model / name).read_text())
        said.pop("model_max_length", None)
        (model / name).write_text(json.dumps({**said, **value}))
    build(Contents(model, {}, "# card", IDENTITY), package)
    loaded = AutoModelForCausalLM.from_pretrained(package / "model", local_files_only=True)
    assert loaded.config.use_cache
    for folder in (package / "model", package / "components" / "tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        alone = tokenizer("夜班 shift", add_special_tokens=False).input_ids
        assert alone == AutoTokenizer.from_pretrained(model)("夜班 shift").input_ids
        assert tokenizer("夜班 shift").input_ids == [0, *alone]
        assert tokenizer.decode(tokenizer("夜班 shift").input_ids, skip_special_tokens=True) == "夜班 shift"
        assert tokenizer.model_max_length == CONTEXT_TOKENS
    started = torch.tensor([[0]])
    assert loaded.generate(started, eos_token_id=None).shape == (1, CONTEXT_TOKENS)
    assert loaded.generate(started, eos_token_id=None, max_new_tokens=3).shape == (1, 4)


def test_transformers_itself_ends_at_the_context_unless_told_how_many_tokens(model: Path, package: Path) -> None:
    """`max_new_tokens` is followed past it, which no file can forbid; README says how a call forbids it."""
    build(Contents(model, {}, "# card", IDENTITY), package)
    packed = str(package / "model")
    tokenizer = AutoTokenizer.from_pretrained(packed, local_files_only=True)
    write = pipeline("text-generation", model=packed, tokenizer=tokenizer, do_sample=False, eos_token_id=None)

    def num_tokens(text: str, **asked: Any) -> int:
        return len(write(text, return_tensors=True, **asked)[0]["generated_token_ids"])

    short, long = "The night", "The night shift reads. " * 100
    assert num_tokens(short) == CONTEXT_TOKENS
    assert num_tokens(short, max_new_tokens=CONTEXT_TOKENS + 9) == len(tokenizer(short).input_ids) + CONTEXT_TOKENS + 9
    assert num_tokens(long, max_new_tokens=9) == len(tokenizer(long).input_ids) + 9
    assert num_tokens(long, max_new_tokens=9, handle_long_generation="hole") == CONTEXT_TOKENS
    with pytest.raises(ValueError, match="number of desired tokens exceeds the models max length"):
        num_tokens(short, max_new_tokens=CONTEXT_TOKENS, handle_long_generation="hole")
    with pytest.raises(ValueError, match=f"but `max_length` is set to {CONTEXT_TOKENS}"):
        num_tokens(long)


def test_a_tokenizer_that_says_what_it_puts_around_a_text_keeps_it(model: Path, package: Path) -> None:
    own = Tokenizer.from_file(str(model / "tokenizer.json"))
    own.post_processor = TemplateProcessing(single="$A <|endoftext|>", special_tokens=[("<|endoftext|>", 0)])
    own.save(str(model / "tokenizer.json"))
    build(Contents(model, {}, "# card", IDENTITY), package)
    packed = Tokenizer.from_file(str(package / "model" / "tokenizer.json"))
    assert packed.encode("night").ids == own.encode("night").ids


def test_each_variant_is_a_model_folder_by_itself(model: Path, package: Path, tmp_path: Path) -> None:
    variant = tmp_path / "variant"
    (variant / "model").mkdir(parents=True)
    for name in ("model/config.json", "variant.json"):
        (variant / name).write_text(f'{{"is": "{name}"}}')
    write_graph(variant / "model" / "model.onnx")
    build(Contents(model, {"small.v1": variant}, "# card", IDENTITY), package)
    assert sorted(path.name for path in (package / "variants" / "small.v1").iterdir()) == [
        "config.json",
        "model.onnx",
        "variant.json",
    ]


def test_the_same_contents_give_the_same_digest(model: Path, tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        digests.append(build(Contents(model, {}, "# card", IDENTITY), tmp_path / name))
    assert digests[0] == digests[1]


@pytest.mark.parametrize("name", ["training_args.bin", "optimizer.pt", "model.pkl", "custom.py", "libx.so", "noname"])
def test_a_file_of_another_kind_is_refused(model: Path, package: Path, name: str) -> None:
    (model / name).write_bytes(b"anything")
    with pytest.raises(DataError, match=name):
        build(Contents(model, {}, "", IDENTITY), package)


@pytest.mark.parametrize("name", ["model/model.safetensors", "MLmodel", "README.md", "digests.json"])
def test_a_flipped_bit_is_found_and_named(model: Path, package: Path, name: str) -> None:
    digest = build(Contents(model, {}, "# card", IDENTITY), package)
    verify(package, digest)
    flip(package / name)
    with pytest.raises(DamagedArtifact, match=name):
        verify(package, digest)


def test_a_file_too_many_or_too_few_is_found(model: Path, package: Path) -> None:
    digest = build(Contents(model, {}, "", IDENTITY), package)
    (package / "registered_model_meta").write_text("MLflow's own")
    verify(package, digest)
    (package / "model" / "extra.json").write_text("{}")
    with pytest.raises(DamagedArtifact, match=r"model/extra\.json"):
        verify(package, digest)
    (package / "model" / "extra.json").unlink()
    (package / "model" / "config.json").unlink()
    with pytest.raises(DamagedArtifact, match=r"model/config\.json"):
        verify(package, digest)


def test_a_link_in_the_place_of_a_file_is_refused_though_what_it_leads_to_is_the_same(
    model: Path, package: Path, tmp_path: Path
) -> None:
    digest = build(Contents(model, {}, "", IDENTITY), package)
    path = package / "model" / "model.safetensors"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"model/model\.safetensors: a model may not hold links"):
        verify(package, digest)


def test_nothing_is_verified_without_a_digest(model: Path, package: Path) -> None:
    build(Contents(model, {}, "", IDENTITY), package)
    with pytest.raises(DamagedArtifact):
        verify(package, "")
