"""register, promote and rollback against a real MLflow store: loading, races, kills, tampering."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline_lib.base.errors import DamagedArtifact, GateRefused, SettingsError, UpstreamError
from pipeline_lib.model.records import Scores, Slice, VariantReport, write_record
from pipeline_lib.model.tracking import Place, connect
from pipeline_lib.register.glance import stands
from pipeline_lib.register.harmless import ALLOWED_SUFFIXES
from pipeline_lib.register.ledger import promotions
from pipeline_lib.register.opened import opened
from pipeline_lib.register.package import WITHOUT_SUFFIX
from pipeline_lib.register.promotion import promote, rollback
from pipeline_lib.register.registry import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    Registry,
    aliases,
    version_by_alias,
    version_by_number,
)
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import AGAIN, VERSION, registry_of
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.files import write_json
from tests.flips import flip
from tests.given import LooseStore
from tests.tiny_graph import write_graph
from tests.tiny_model import CONTEXT_TOKENS, write_model

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SMALL = "small.v1"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all tests here: making its tables takes seconds. Each test has a model name of its own."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What earlier stages made: a model, a variant of it (its graph is not opened here), scores on two benchmarks."""
    root = tmp_path_factory.mktemp("made")
    write_model(root / "train" / "model")
    write_json(root / "train" / "training.json", {"num_steps": 3})
    slices = (Slice("language", "zh", 3, 90, 1.5),)
    write_scores(root / "scores", Scores(candidate="challenger", benchmark="frozen", bits_per_byte=2.5, slices=slices))
    write_scores(root / "small_scores", Scores(candidate=SMALL, benchmark="frozen", bits_per_byte=2.51))
    write_scores(root / "fresh_scores", Scores(candidate="challenger", benchmark="fresh", bits_per_byte=3.0))
    write_variant(root / "variant", "graph", quantized_share=0.99)
    (root / "snapshot").mkdir()
    row = {"stage": "clean", "documents_in": 10, "documents_out": 8, "dropped": {"too_few_words": 2}}
    write_json(root / "snapshot" / "funnel.json", [row])
    return root


def write_variant(folder: Path, contents: str, *, quantized_share: float) -> None:
    (folder / "model").mkdir(parents=True)
    write_graph(folder / "model" / "model.onnx", contents)
    write_json(folder / "model" / "config.json", {"max_position_embeddings": CONTEXT_TOKENS})
    write_record(VariantReport(SMALL, "onnx", quantized_share), folder / "variant.json")


def write_scores(folder: Path, scores: Scores) -> None:
    folder.mkdir()
    write_record(replace(scores, generation=1, confidence=0.95), folder / "scores.json")
    write_json(folder / "speed.json", {"generated_tokens_per_second": 100.0, "num_tokens": 64})


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> RegisterSettings:
    return RegisterSettings(model_name=request.node.originalname.replace("_", "-")[:90], experiment=request.node.name)


@pytest.fixture
def registry(settings: RegisterSettings, workspace: Path) -> Registry:
    return registry_of(settings, workspace)


@pytest.fixture
def register(made: Path, settings: RegisterSettings, workspace: Path, tmp_path: Path) -> Callable[[str], int]:
    """Registers the model under another fingerprint; the number of its version."""

    def call(fingerprint: str) -> int:
        folder = tmp_path / "out"
        folder.mkdir(exist_ok=True)
        return int(make(settings, inputs_of(made, fingerprint, workspace), folder).facts["version"])

    return call


@pytest.fixture
def other_variant(made: Path, tmp_path: Path) -> Path:
    """What the same scheme makes with other settings."""
    write_variant(tmp_path / "other", "another", quantized_share=0.98)
    return tmp_path / "other"


def make(settings: RegisterSettings, inputs: Inputs, folder: Path) -> Outcome:
    return VERSION.make(settings.only(VERSION.reads), inputs, folder)


def inputs_of(made: Path, fingerprint: str, workspace: Path) -> Inputs:
    store = LooseStore()
    named = {
        "model": Ref("train", fingerprint),
        "snapshot": store.add("snapshot", made / "snapshot"),
        "funnel": store.add("funnel", made / "snapshot"),
        "tokenizer": Ref("tokenize", "7" * 32),
        "scores": store.add("scores", [made / "scores", made / "small_scores", made / "fresh_scores"]),
        f"variant:{SMALL}": store.add("variant", made / "variant"),
    }
    store.folders[named["model"]] = made / "train"
    store.outcomes |= {named["model"]: Outcome(1, 1), named["snapshot"]: Outcome(1, 1, facts={"digest": "5" * 32})}
    store.made[named["model"]] = {"revision": "rev1"}
    return Inputs(cast(Any, store), named, workspace=workspace)


def champion_of(registry: Registry) -> int | None:
    found = version_by_alias(registry, CHAMPION)
    return None if found is None else found.number


def files_of(registry: Registry, number: int) -> Path:
    """The registry's own folder of a version."""
    client = connect(registry.place)
    uri: str = client.get_model_version_download_uri(registry.name, str(number))
    return Path(uri.removeprefix("file://"))


def test_a_champion_loads_with_mlflows_own_client(
    registry: Registry, register: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    promote(registry, register("f" * 32), expected_champion=None, reason="first", now=NOW)
    connect(registry.place)
    import mlflow

    pipeline = mlflow.transformers.load_model(f"models:/{registry.name}@champion")
    assert pipeline.model.config.hidden_size == 32
    assert pipeline.tokenizer.decode(pipeline.tokenizer("夜班 shift")["input_ids"], skip_special_tokens=True) == (
        "夜班 shift"
    )
    answer = mlflow.pyfunc.load_model(f"models:/{registry.name}@champion").predict(["The night"])
    assert answer[0].startswith("The night")
    # MLflow has left a file of its own beside the model by now: it must still verify.
    with opened(registry, 1) as package:
        assert (package.folder / "model" / "model.safetensors").is_file()
        assert (package.folder / "variants" / SMALL / "model.onnx").is_file()


def test_a_served_champion_takes_what_a_request_asks_of_it(registry: Registry, register: Callable[[str], int]) -> None:
    """By the server of `mlflow models serve`, which leaves out with a warning what no signature names."""
    promote(registry, register("f" * 32), expected_champion=None, reason="first", now=NOW)
    connect(registry.place)
    import mlflow
    from fastapi.testclient import TestClient
    from mlflow.pyfunc.scoring_server import init

    uri = f"models:/{registry.name}@champion"
    pipeline = mlflow.transformers.load_model(uri)
    asked: Sequence[dict[str, Any]] = ({"max_new_tokens": 3}, {"max_new_tokens": 5, "repetition_penalty": 1.5}, {})
    with TestClient(init(mlflow.pyfunc.load_model(uri))) as served:
        for params in asked:
            answer = served.post("/invocations", json={"inputs": ["The night"], "params": params})
            begun = pipeline.tokenizer("The night", return_tensors="pt").input_ids
            ended = pipeline.model.generate(begun, do_sample=False, **params)[0]
            assert len(ended) <= begun.shape[1] + params.get("max_new_tokens", CONTEXT_TOKENS - begun.shape[1])
            assert answer.json()["predictions"] == [pipeline.tokenizer.decode(ended, skip_special_tokens=True)]
        greedy = answers_of(served, {"max_new_tokens": 12})
        for narrow in {"top_k": 1}, {"top_p": 1e-9}, {"temperature": 1e-6}:  # each leaves one token to draw from
            assert answers_of(served, {"max_new_tokens": 12, "do_sample": True, **narrow}) == greedy
        assert answers_of(served, {"max_new_tokens": 12, "do_sample": True}) != greedy


def test_a_served_champion_reads_no_further_than_its_context(
    registry: Registry, register: Callable[[str], int]
) -> None:
    """What is left of a long text is its end; a request for more than there can be room for is refused at once."""
    promote(registry, register("f" * 32), expected_champion=None, reason="first", now=NOW)
    connect(registry.place)
    import mlflow
    from fastapi.testclient import TestClient
    from mlflow.pyfunc.scoring_server import init

    champion = mlflow.pyfunc.load_model(f"models:/{registry.name}@champion")
    pipeline, read = champion.get_raw_model(), []

    def note(_: Any, __: Any, given: Mapping[str, Any]) -> None:
        read.append(int(given["position_ids"].max()))

    pipeline.model.register_forward_pre_hook(note, with_kwargs=True)
    short, long = "The night", "The night shift reads new documents. " * 100
    with TestClient(init(champion)) as served:
        for text, num_tokens in (short, CONTEXT_TOKENS - 1), (long, 1), (long, 12), (long, CONTEXT_TOKENS - 1):
            answer = served.post("/invocations", json={"inputs": [text], "params": {"max_new_tokens": num_tokens}})
            assert 0 < max(read) < CONTEXT_TOKENS
            kept = pipeline.tokenizer(text, return_tensors="pt").input_ids[:, num_tokens - CONTEXT_TOKENS :]
            ended = pipeline.model.generate(kept, do_sample=False, max_new_tokens=num_tokens)[0]
            written = pipeline.tokenizer.decode(ended[kept.shape[1] :], skip_special_tokens=True)
            assert answer.json()["predictions"] == [(text + written).strip()]
        for params in {"max_new_tokens": CONTEXT_TOKENS}, {"max_new_tokens": 10**9}:
            refused = served.post("/invocations", json={"inputs": [short], "params": params})
            assert refused.status_code == 400
            assert "the number of desired tokens exceeds the models max length" in refused.text
        for asked in {"inputs": [long]}, {"inputs": [short, long], "params": {}}:
            assert served.post("/invocations", json=asked).status_code == 400


def answers_of(served: Any, params: Mapping[str, Any]) -> list[list[str]]:
    """What it says to three requests."""
    asked = {"inputs": ["The night"], "params": dict(params)}
    return [served.post("/invocations", json=asked).json()["predictions"] for _ in range(3)]


def test_nothing_that_could_run_code_is_stored(
    registry: Registry, register: Callable[[str], int], workspace: Path
) -> None:
    register("f" * 32)
    files = [path for path in (workspace / "mlartifacts").rglob("*") if path.is_file()]
    assert len(files) > 10
    odd = [p.name for p in files if p.suffix not in ALLOWED_SUFFIXES and p.name not in WITHOUT_SUFFIX]
    assert odd == []


def test_version_and_run_say_what_the_model_was_made_from(registry: Registry, register: Callable[[str], int]) -> None:
    version = version_by_number(registry, register("f" * 32))
    assert version.model_fingerprint == "f" * 32
    assert version.tags["nightshift.snapshot_digest"] == "5" * 32
    assert version.tags["nightshift.tokenizer_fingerprint"] == "7" * 32
    assert version.tags["nightshift.code_revision"] == "rev1"
    run = connect(registry.place).get_run(version.run_id)
    assert [(d.dataset.name, d.dataset.digest) for d in run.inputs.dataset_inputs] == [("snapshot", "5" * 32)]
    assert {name: value for name, value in run.data.metrics.items() if value} == {
        "evaluate/bits_per_byte": 2.5,
        "evaluate/generated_tokens_per_second": 100.0,
        "evaluate/frozen-1/language/zh": 1.5,
        "evaluate/fresh-1/bits_per_byte": 3.0,
        "quantize/small.v1/bits_per_byte": 2.51,
        "quantize/small.v1/generated_tokens_per_second": 100.0,
    }


def test_the_same_model_registered_again_is_the_same_version(
    registry: Registry, register: Callable[[str], int]
) -> None:
    assert [register("f" * 32), register("e" * 32), register("f" * 32)] == [1, 2, 1]
    found = version_by_alias(registry, CHALLENGER)
    assert found is not None
    assert found.number == 1


def test_the_same_model_with_other_variants_is_another_version_that_holds_them(
    registry: Registry,
    register: Callable[[str], int],
    settings: RegisterSettings,
    made: Path,
    workspace: Path,
    other_variant: Path,
    tmp_path: Path,
) -> None:
    def registered(**variants: Path) -> int:
        inputs = inputs_of(made, "f" * 32, workspace)
        named = {name: ref for name, ref in inputs.named.items() if not name.startswith("variant:")}
        store = cast(Any, inputs.store)
        named |= {f"variant:{SMALL}": store.add(name, folder) for name, folder in variants.items()}
        return int(make(settings, replace(inputs, named=named), tmp_path / "out").facts["version"])

    assert register("f" * 32) == 1
    assert [registered(other=other_variant), registered(), registered(other=other_variant)] == [2, 3, 2]
    assert [registered(variant=made / "variant"), register("f" * 32)] == [1, 1]
    with opened(registry, 2) as package:
        graph = package.folder / "variants" / SMALL / "model.onnx"
        assert graph.read_bytes() == (other_variant / "model" / "model.onnx").read_bytes()
    with opened(registry, 3) as package:
        assert not (package.folder / "variants").exists()


def test_a_champion_registered_again_does_not_become_a_challenger(
    registry: Registry, register: Callable[[str], int]
) -> None:
    promote(registry, register("f" * 32), expected_champion=None, reason="first", now=NOW)
    register("f" * 32)
    assert version_by_alias(registry, CHALLENGER) is None


def test_what_is_registered_again_for_its_damaged_files_is_challenger_only_in_its_own_place(
    registry: Registry, settings: RegisterSettings, register: Callable[[str], int], made: Path, tmp_path: Path
) -> None:
    """Another one that comes forward keeps the alias: it is the newest that did not replace the champion."""

    def again(fingerprint: str) -> tuple[int, int | None]:
        inputs = inputs_of(made, fingerprint, registry.workspace)
        named = {name: ref for name, ref in inputs.named.items() if name != "funnel"}  # so the card is another one
        named |= {AGAIN: inputs.named["model"]}
        found = make(settings, replace(inputs, named=named), tmp_path / "out").facts["version"]
        return found, aliases(registry).get(CHALLENGER)

    assert [register("1" * 32), register("2" * 32)] == [1, 2]
    for number in (1, 2):
        (files_of(registry, number) / "README.md").write_text("another")
    assert [again("1" * 32), again("2" * 32)] == [(3, 2), (4, 4)]
    flip(files_of(registry, 3) / "model" / "model.safetensors")
    assert again("1" * 32) == (3, 4)


def test_promotion_moves_champion_and_previous_and_writes_them_down(
    registry: Registry, register: Callable[[str], int]
) -> None:
    promote(registry, register("1" * 32), expected_champion=None, reason="first", now=NOW)
    promote(registry, register("2" * 32), expected_champion=1, reason="更好", now=NOW)
    assert champion_of(registry) == 2
    previous = version_by_alias(registry, PREVIOUS)
    assert previous is not None
    assert previous.number == 1
    lines = [p for p in promotions(registry) if p.name == registry.name]
    assert [(p.version, p.previous, p.kind, p.reason) for p in lines] == [
        (1, None, "promote", "first"),
        (2, 1, "promote", "更好"),
    ]
    assert lines[0].time == "2026-01-02T03:04:05+00:00"


def test_rollback_puts_the_previous_one_back_and_a_second_one_undoes_it(
    registry: Registry, register: Callable[[str], int]
) -> None:
    promote(registry, register("1" * 32), expected_champion=None, reason="", now=NOW)
    with pytest.raises(GateRefused, match="no previous champion"):
        rollback(registry, reason="", now=NOW)
    promote(registry, register("2" * 32), expected_champion=1, reason="", now=NOW)
    assert rollback(registry, reason="bad answers", now=NOW).version == 1
    assert champion_of(registry) == 1
    assert rollback(registry, reason="was not it", now=NOW).version == 2
    assert champion_of(registry) == 2


def test_a_champion_that_changed_meanwhile_is_not_replaced(registry: Registry, register: Callable[[str], int]) -> None:
    promote(registry, register("1" * 32), expected_champion=None, reason="", now=NOW)
    register("2" * 32)
    with pytest.raises(GateRefused, match="the champion changed: it is version 1, not none"):
        promote(registry, 2, expected_champion=None, reason="", now=NOW)
    with pytest.raises(GateRefused, match="it is version 1, not version 2"):
        promote(registry, 1, expected_champion=2, reason="", now=NOW)
    assert champion_of(registry) == 1


def test_of_two_promotions_at_once_exactly_one_wins_each_round(
    registry: Registry, register: Callable[[str], int]
) -> None:
    for fingerprint in ("1" * 32, "2" * 32, "3" * 32):
        register(fingerprint)
    promote(registry, 1, expected_champion=None, reason="", now=NOW)
    champion = 1
    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            rivals = [number for number in (1, 2, 3) if number != champion]
            tries = [
                pool.submit(promote, registry, rival, expected_champion=champion, reason="", now=NOW)
                for rival in rivals
            ]
            errors = [attempt.exception() for attempt in tries]
            losers = [error for error in errors if error is not None]
            assert len(losers) == 1
            assert isinstance(losers[0], GateRefused)
            winner = rivals[errors.index(None)]
            assert champion_of(registry) == winner
            champion = winner
    versions = [p.version for p in promotions(registry) if p.name == registry.name]
    assert len(versions) == 21
    assert all(a != b for a, b in itertools.pairwise(versions))


def test_a_version_whose_files_changed_is_not_promoted_and_heals_when_registered_again(
    registry: Registry, register: Callable[[str], int]
) -> None:
    number = register("f" * 32)
    flip(files_of(registry, number) / "model" / "model.safetensors")
    with pytest.raises(DamagedArtifact, match=r"model/model\.safetensors"):
        promote(registry, number, expected_champion=None, reason="", now=NOW)
    assert champion_of(registry) is None
    assert register("f" * 32) == number
    promote(registry, number, expected_champion=None, reason="", now=NOW)
    assert champion_of(registry) == number


def test_a_version_that_points_to_nothing_is_not_promoted(registry: Registry, register: Callable[[str], int]) -> None:
    number = register("f" * 32)
    folder = files_of(registry, number)
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(DamagedArtifact):
        promote(registry, number, expected_champion=None, reason="", now=NOW)
    assert champion_of(registry) is None


def test_whether_a_version_stands_is_told_without_mlflow(registry: Registry, register: Callable[[str], int]) -> None:
    number = register("a")
    assert stands(registry.place, registry.name, number)
    assert not stands(registry.place, registry.name, number + 1)
    assert not stands(registry.place, "another", number)
    connect(registry.place).delete_model_version(registry.name, str(number))
    assert not stands(registry.place, registry.name, number)


def test_other_stores_than_the_workspaces_own_count_as_having_a_version(tmp_path: Path) -> None:
    assert stands(Place("http://127.0.0.1:9"), "any", 1)
    assert not stands(Place(f"sqlite:///{tmp_path / 'none.db'}"), "any", 1)
    (tmp_path / "odd.db").write_text("not a database")
    assert stands(Place(f"sqlite:///{tmp_path / 'odd.db'}"), "any", 1)


def test_a_version_that_does_not_exist_is_a_clear_error(registry: Registry) -> None:
    with pytest.raises(SettingsError, match="has no version 7"):
        promote(registry, 7, expected_champion=None, reason="", now=NOW)


KILLED = """
import sys
from datetime import datetime
from pathlib import Path
from pipeline_lib.register.promotion import promote
from pipeline_lib.register.settings import RegisterSettings
from pipeline_lib.register.stage import registry_of
from tests.integration.test_registry import NOW, inputs_of, make
made, workspace, out, name, experiment, action = sys.argv[1:]
settings = RegisterSettings(model_name=name, experiment=experiment)
if action == "register":
    make(settings, inputs_of(Path(made), "f" * 32, Path(workspace)), Path(out))
else:
    registry = registry_of(settings, Path(workspace))
    promote(registry, 2, expected_champion=1, reason="", now=NOW)
"""


def run_killed(point: str, action: str, made: Path, workspace: Path, out: Path, settings: RegisterSettings) -> None:
    """Run `action` in a process that is killed with SIGKILL at `point`."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            KILLED,
            *map(str, (made, workspace, out, settings.model_name, settings.experiment, action)),
        ],
        env={**os.environ, "NIGHTSHIFT_FAIL": f"register:{point}:1", "PYTHONPATH": str(Path(__file__).parents[2])},
        start_new_session=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize("point", ["after_signing", "during_upload", "after_upload", "after_version"])
def test_a_registration_that_was_killed_is_finished_and_not_doubled(
    point: str,
    registry: Registry,
    register: Callable[[str], int],
    made: Path,
    workspace: Path,
    tmp_path: Path,
    settings: RegisterSettings,
) -> None:
    settings = settings.model_copy(update={"model_name": f"{settings.model_name}-{point}"})
    registry = registry_of(settings, workspace)
    out = tmp_path / "killed"
    out.mkdir()
    run_killed(point, "register", made, workspace, out, settings)
    assert list(out.iterdir()) == []
    outcome = make(settings, inputs_of(made, "f" * 32, workspace), out)
    assert outcome.facts["version"] == 1
    client = connect(registry.place)
    assert len(client.search_model_versions(f"name = '{registry.name}'")) == 1
    experiment_id = client.get_experiment_by_name(settings.experiment).experiment_id
    assert [str(model.status) for model in client.search_logged_models([experiment_id])] == ["READY"]
    found = version_by_alias(registry, CHALLENGER)
    assert found is not None
    assert found.number == 1
    with opened(registry, 1):
        pass


@pytest.mark.parametrize(("point", "then"), [("before_champion", 1), ("after_champion", 2)])
def test_a_promotion_that_was_killed_is_completed_by_the_same_promotion(
    point: str, then: int, made: Path, workspace: Path, tmp_path: Path, settings: RegisterSettings
) -> None:
    settings = settings.model_copy(update={"model_name": f"{settings.model_name}-{point}"})
    registry = registry_of(settings, workspace)
    for fingerprint in ("1" * 32, "2" * 32):
        make(settings, inputs_of(made, fingerprint, workspace), tmp_path)
    promote(registry, 1, expected_champion=None, reason="", now=NOW)
    run_killed(point, "promote", made, workspace, tmp_path, settings)
    assert champion_of(registry) == then
    promote(registry, 2, expected_champion=1, reason="", now=NOW)
    assert champion_of(registry) == 2
    lines = [(p.version, p.previous) for p in promotions(registry) if p.name == registry.name]
    assert lines == [(1, None), (2, 1)]


@pytest.mark.parametrize(("uri", "error"), [("http://127.0.0.1:1", UpstreamError), ("nonsense://x", SettingsError)])
def test_a_store_that_is_not_there_is_one_clear_error(uri: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error, match=r"register\.tracking_uri"):
        version_by_alias(Registry(Place(uri), "x", tmp_path, tmp_path), CHAMPION)
