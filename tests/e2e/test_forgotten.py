"""A document that a model has learned, or was judged on, is forgotten: who learned it is named, and nights go on."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from pipeline_lib.base.errors import DamagedVersion
from pipeline_lib.evaluate.stage import BENCHMARK
from pipeline_lib.forget.find import seek
from pipeline_lib.past.names import documents
from pipeline_lib.past.reads import documents_read
from pipeline_lib.register.forgotten import TAG
from pipeline_lib.register.opened import is_intact
from pipeline_lib.register.registry import client_of, version_by_number
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.train.stage import TRAIN
from tasks.forget import forget
from tasks.mend import mended
from tasks.moves import registry_for
from tests.examined import findings
from tests.found_in import places_of
from tests.model_nights import FAST, any_night, whole_night
from tests.tiny_night import House, arguments, english, night_here, nightshift, tiny_settings, write_lines

LEARNED = "note_101.txt"


def test_a_learned_document_is_certified_with_its_models_and_nights_go_on(judged_house: House) -> None:
    settings = tiny_settings(judged_house.workspace, judged_house.corpus, **FAST)
    workspace, registry = Workspace(judged_house.workspace), registry_for(settings)
    (model,) = workspace.store.list(TRAIN.name)
    held_out = _held_out(workspace)
    read = _read(workspace)
    wanted = {LEARNED: next(documents(workspace, LEARNED)).document_id.encode(), "words": english(101)[:80].encode()}
    wanted["held out"] = next(documents(workspace, held_out)).document_id.encode()

    logs = workspace.root / "logs"
    logs.mkdir(exist_ok=True)
    (logs / "mine.log").write_text(f"read {LEARNED}")

    with night_here(settings) as here:
        stones = [forget(here, seek(here.workspace, url, None), is_now=True) for url in (LEARNED, held_out)]

    assert [stone.models for stone in stones] == [(model.fingerprint,), ()]
    certificates = [json.loads(path.read_text()) for path in (workspace.root / "certificates").glob("*.json")]
    assert sorted(one["versions"] for one in certificates) == [[], ["nightshift-tiny version 1"]]
    assert sorted(one["still_in"] for one in certificates) == [[], ["logs/mine.log"]]
    assert [one for one in findings(judged_house, "foreign") if "put aside" not in one.what] == []
    (logs / "mine.log").unlink()
    assert places_of(workspace.root, wanted) == {}
    version = version_by_number(registry, 1)
    assert version.tags[TAG] == "1" and is_intact(registry, 1)
    assert {name: count for name, count in _read(workspace).items() if name in read} == {
        name: count for name, count in read.items() if name != LEARNED
    }

    shown = nightshift("trace", "--document", LEARNED, *arguments(judged_house.workspace, judged_house.corpus))
    assert shown.status == 0 and "forgotten on" in shown.out and model.fingerprint[:8] in shown.out
    assert any_night(settings).verdict
    write_lines(judged_house.corpus / "new.jsonl", {f"new-{number}": english(800 + number) for number in range(6)})
    night = whole_night(settings)
    assert (night.training is not None and "promoted" in night.verdict) or "refused" in night.verdict, night.verdict
    heir = version_by_number(registry, 2)
    assert night.parent == model.fingerprint and heir.tags[TAG] == "1", "it goes on from a trunk that has read it"
    with client_of(registry) as client:
        client.delete_model_version_tag(registry.name, "2", TAG)
    again = mended(DamagedVersion("1", version=1), settings, workspace, lambda _: {"version": 2})  # the same model
    assert again == 2 and version_by_number(registry, 2).tags[TAG] == "1"


def _held_out(workspace: Workspace) -> str:
    (made,) = list(workspace.store.list(BENCHMARK.name))[:1]
    path = workspace.store.path(BENCHMARK.stage, made.fingerprint) / "documents.parquet"
    return str(pq.read_table(Path(path))["url"].to_pylist()[-1])


def _read(workspace: Workspace) -> dict[str | None, int]:
    """How many tokens the first training read of each document, by url."""
    (model,) = [one for one in workspace.store.list(TRAIN.name) if "trunk" not in one.inputs]
    steps = int(model.facts["num_steps"])
    return {one.url: one.num_read for one in documents_read(workspace.store, model, 0, steps)}
