"""The work of the training process: it learns, it resumes to the same bits, it stops when it must."""

import hashlib
import json
import math
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline_lib.base.errors import DataError, SettingsError
from pipeline_lib.store.artifact import digest_of
from pipeline_lib.train import callbacks, opened, phases, trainer
from pipeline_lib.train.callbacks import StopSignal
from pipeline_lib.train.cursor import read_cursor
from pipeline_lib.train.job import TIMINGS_FILE, TrainInputs, is_finished, read_metrics, write_job
from pipeline_lib.train.lineage import trunk_fits
from pipeline_lib.train.repeat import leave_repeat
from pipeline_lib.train.settings import TrainSettings

AtStep = Callable[[int, Callable[[], None]], None]


class Killed(BaseException):
    """Stands for kill -9: nothing catches it, nothing is tidied up."""


def kill() -> None:
    raise Killed


def changed(settings: TrainSettings, **changes: object) -> TrainSettings:
    return settings.model_copy(update=changes)


def train(work: Path, settings: TrainSettings, inputs: TrainInputs, stop: StopSignal | None = None) -> Path:
    work.mkdir(exist_ok=True)
    write_job(work, settings, inputs)
    phases.train(work, started=time.monotonic(), stop=stop or StopSignal())
    return work


def digests(work: Path) -> dict[str, str]:
    """Digests of all that becomes part of the artifact."""
    files = [path for name in ("trunk", "result") for path in sorted((work / name).rglob("*")) if path.is_file()]
    return {str(path.relative_to(work)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, settings: TrainSettings, inputs: TrainInputs) -> Path:
    return train(tmp_path_factory.mktemp("undisturbed"), settings, inputs)


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> AtStep:
    """Does something after a step, counted over both phases."""

    def _at_step(number: int, action: Callable[[], None]) -> None:
        passes = count(1)
        monkeypatch.setattr(callbacks, "failpoint", lambda *_: action() if next(passes) == number else None)

    return _at_step


def summary_of(work: Path) -> dict[str, object]:
    return json.loads((work / "result" / "training.json").read_text())


def test_the_result_says_what_was_done(undisturbed: Path) -> None:
    summary = summary_of(undisturbed)
    assert (summary["num_steps"], summary["trunk_steps"], summary["decay_steps"]) == (8, 6, 2)
    assert summary["num_tokens"] == 8 * 2 * 16
    assert [point[0] for point in summary["loss_curve"]] == list(range(1, 9))
    assert summary["end_bits_per_byte"] < summary["start_bits_per_byte"] < 9


@pytest.mark.parametrize("answer", [math.nan, math.inf])
def test_a_model_that_has_no_finite_answer_says_null_and_no_word_that_json_does_not_have(
    tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, monkeypatch: pytest.MonkeyPatch, answer: float
) -> None:
    monkeypatch.setattr(phases, "bits_per_document", lambda _backend, _, texts, **__: np.full(len(texts), answer))
    summary = summary_of(train(tmp_path / "work", settings, inputs))
    assert summary["start_bits_per_byte"] is summary["end_bits_per_byte"] is None
    digest_of(summary)


def test_the_rate_is_constant_on_the_trunk_and_falls_on_the_branch(undisturbed: Path) -> None:
    rows, _ = read_metrics(undisturbed / "metrics.jsonl")
    assert [row["phase"] for row in rows] == ["trunk"] * 6 + ["branch"] * 2
    assert [row["learning_rate"] for row in rows] == pytest.approx([4e-3] * 6 + [4e-3, 2e-3])


def test_the_branch_reads_on_where_the_trunk_ended(
    tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six steps of two rows, then two of them."""
    read: list[tuple[str, int, int]] = []
    real = phases.run_phase

    def watched(model: Any, *, phase: trainer.Phase, **others: Any) -> Any:
        read.append((phase.name, phase.dataset.first, len(phase.dataset)))
        return real(model, phase=phase, **others)

    monkeypatch.setattr(phases, "run_phase", watched)
    train(tmp_path / "work", settings, inputs)
    assert read == [("trunk", 0, 12), ("branch", 12, 4)]


def test_the_model_loads_with_transformers_alone(undisturbed: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(undisturbed / "result" / "model")
    assert model(input_ids=torch.tensor([[1, 2, 3]])).logits.shape == (1, 3, 258)
    assert not list(undisturbed.rglob("result/**/*.bin"))


@pytest.mark.parametrize("step", [1, 5, 7])  # before a checkpoint, on the trunk, on the branch
def test_a_run_cut_off_and_resumed_gives_the_same_bits(
    undisturbed: Path, tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, at_step: AtStep, step: int
) -> None:
    at_step(step, kill)
    with pytest.raises(Killed):
        train(tmp_path / "work", settings, inputs)
    assert not is_finished(tmp_path / "work")
    train(tmp_path / "work", settings, inputs)
    assert digests(tmp_path / "work") == digests(undisturbed)


def test_sigterm_ends_after_the_step_with_a_checkpoint_and_143(
    undisturbed: Path, tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, at_step: AtStep
) -> None:
    stop, rarely = StopSignal(), changed(settings, checkpoint_every_steps=None)
    at_step(3, lambda: stop(signal.SIGTERM, None))
    with pytest.raises(SystemExit) as left:
        train(tmp_path / "work", rarely, inputs, stop)
    assert left.value.code == 143
    assert (tmp_path / "work" / "trunk-phase" / "checkpoint-3").is_dir()
    train(tmp_path / "work", rarely, inputs)
    assert digests(tmp_path / "work") == digests(undisturbed)


def test_sigterm_between_the_phases_leaves_at_once() -> None:
    with pytest.raises(SystemExit):
        StopSignal()(signal.SIGTERM, None)


def test_a_broken_checkpoint_costs_an_interval_and_no_bit(
    undisturbed: Path, tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, at_step: AtStep
) -> None:
    """Without its optimizer.pt the Trainer alone would go on with a fresh optimizer and say nothing."""
    at_step(5, kill)
    with pytest.raises(Killed):
        train(tmp_path / "work", settings, inputs)
    (tmp_path / "work" / "trunk-phase" / "checkpoint-4" / "optimizer.pt").unlink()
    train(tmp_path / "work", settings, inputs)
    assert (tmp_path / "work" / "trunk-phase" / "checkpoint-4.bad").is_dir()
    assert digests(tmp_path / "work") == digests(undisturbed)


def test_where_the_workspace_stands_is_in_no_byte(
    undisturbed: Path, tmp_path: Path, settings: TrainSettings, inputs: TrainInputs
) -> None:
    """torch names the archive of a file that is saved by its path after that path, where it is ASCII."""
    assert digests(train(tmp_path / "夜里 #1", settings, inputs)) == digests(undisturbed)


def test_branch_and_next_night_start_with_the_momenta_of_the_trunk(
    undisturbed: Path,
    tmp_path: Path,
    settings: TrainSettings,
    inputs: TrainInputs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[Any] = []
    monkeypatch.setattr(trainer, "load_momenta", lambda _optimizer, saved: loaded.append(saved))
    work = train(tmp_path / "work", settings, replace(inputs, trunk=undisturbed / "trunk"))
    expected = [torch.load(folder / "trunk" / "optimizer.pt") for folder in (undisturbed, work)]
    momenta = [state["muon"]["state"][0]["momentum_buffer"] for state in loaded]
    assert [
        torch.equal(one, two["muon"]["state"][0]["momentum_buffer"]) for one, two in zip(momenta, expected, strict=True)
    ]
    assert momenta[0].abs().sum() > 0


def test_a_second_night_goes_on_from_the_trunk_and_reads_on_without_warm_up(
    undisturbed: Path, tmp_path: Path, settings: TrainSettings, inputs: TrainInputs
) -> None:
    """12 rows of the trunk were read, and those of its branch not: its weights are not in the trunk."""
    tonight = replace(inputs, trunk=undisturbed / "trunk")
    work = train(tmp_path / "work", changed(settings, warmup_share=0.5), tonight)
    summary = summary_of(work)
    assert summary["warmup_steps"] == 0
    assert [portion["num_read_before"] for portion in summary["read"]["portions"]] == [12]
    assert summary["start_bits_per_byte"] < summary_of(undisturbed)["start_bits_per_byte"]
    assert summary["unread_tokens"] < summary_of(undisturbed)["unread_tokens"]
    trunk = json.loads((work / "trunk" / "trunk.json").read_text())
    assert (trunk["num_nights"], trunk["num_steps"]) == (2, 12)
    cursor = read_cursor(work / "trunk", ())
    assert (cursor.num_steps, cursor.portions[0].num_read) == (12, 24)


def test_text_that_was_read_is_replayed_when_more_comes(
    undisturbed: Path, tmp_path: Path, settings: TrainSettings, inputs: TrainInputs
) -> None:
    """The first two shards were read; the third one is new, and half of the mix is older."""
    first = replace(inputs, tokens=inputs.tokens[:2], num_rows=100_000)
    before = train(tmp_path / "before", settings, first)
    assert summary_of(before)["unread_tokens"] == 0
    tonight = replace(inputs, trunk=before / "trunk")
    read = summary_of(train(tmp_path / "work", changed(settings, replay_share=0.5), tonight))["read"]
    assert read["from"][0] == read["to"][0] == "shard-2"
    assert read["num_new_rows"] == read["num_replay_rows"] > 0


def test_when_all_was_read_there_is_nothing_to_train(
    tmp_path: Path, settings: TrainSettings, inputs: TrainInputs
) -> None:
    everything = replace(inputs, num_rows=100_000)
    done = train(tmp_path / "done", settings, everything)
    with pytest.raises(DataError, match="there is no unread text"):
        train(tmp_path / "work", settings, replace(everything, trunk=done / "trunk"))


def test_a_lost_training_is_made_again_as_it_says_of_itself_whatever_the_settings_say_now(
    tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was ended by its budget, on one thread and in float32."""
    with monkeypatch.context() as slow:
        slow.setattr(phases, "_is_late", lambda _night, step, _pace: step >= 3)
        lost = train(tmp_path / "lost", settings, inputs)
    (tmp_path / "work").mkdir()
    leave_repeat(tmp_path / "work", summary_of(lost))
    now = changed(settings, threads=2, precision="auto", num_epochs=7, budget_minutes=60, checkpoint_every_steps=None)
    assert digests(train(tmp_path / "work", now, inputs)) == digests(lost)


def test_documents_of_a_row_are_kept_apart_where_borders_restart(
    undisturbed: Path, tmp_path: Path, settings: TrainSettings, inputs: TrainInputs
) -> None:
    """The model sees of a row with two documents what it sees of each alone."""
    from pipeline_lib.train.model import load_model

    model = load_model(undisturbed / "trunk").eval()
    first, second = torch.tensor([[0, 5, 6, 7]]), torch.tensor([[0, 9, 8]])
    positions = torch.tensor([[0, 1, 2, 3, 0, 1, 2]])

    def scores(**inputs: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return model(**inputs, use_cache=False).logits

    alone = torch.cat([scores(input_ids=first), scores(input_ids=second)], 1)
    together = torch.cat([first, second], 1)
    torch.testing.assert_close(scores(input_ids=together, position_ids=positions), alone)
    assert not torch.allclose(scores(input_ids=together), alone, atol=1e-3)
    long_rows = changed(settings, context_tokens=512)
    works = [train(tmp_path / one, changed(long_rows, document_borders=one), inputs) for one in ("restart", "attend")]
    assert summary_of(works[0])["first_loss"] != summary_of(works[1])["first_loss"]


def test_another_context_goes_on_from_the_same_trunk(
    undisturbed: Path, tmp_path: Path, settings: TrainSettings, inputs: TrainInputs
) -> None:
    """What its portion held is dealt again."""
    longer = changed(settings, context_tokens=32)
    work = train(tmp_path / "work", longer, replace(inputs, trunk=undisturbed / "trunk"))
    assert summary_of(work)["read"]["portions"][0]["num_read_before"] == 0
    config = json.loads((work / "result" / "model" / "config.json").read_text())
    assert config["max_position_embeddings"] == 32


def test_a_trunk_of_another_shape_is_refused(
    undisturbed: Path, tmp_path: Path, settings: TrainSettings, inputs: TrainInputs
) -> None:
    tonight = replace(inputs, trunk=undisturbed / "trunk")
    assert trunk_fits(changed(settings, learning_rate=0.5), inputs.tokenizer, undisturbed / "trunk")
    assert not trunk_fits(changed(settings, num_layers=2), inputs.tokenizer, undisturbed / "trunk")
    assert not trunk_fits(settings, inputs.tokenizer, tmp_path)
    with pytest.raises(DataError, match="another shape"):
        train(tmp_path / "work", changed(settings, num_layers=2), tonight)


def test_a_loss_that_is_no_number_ends_the_training(
    tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = opened.new_model

    def spoiled(*arguments: object) -> torch.nn.Module:
        model = real(*arguments)
        model.model.norm.weight.data.fill_(float("nan"))
        return model

    monkeypatch.setattr(opened, "new_model", spoiled)
    with pytest.raises(DataError, match="step 1 has loss nan"):
        train(tmp_path / "work", changed(settings, start_documents=0), inputs)
    assert not (tmp_path / "work" / "trunk").exists()


def test_a_budget_is_planned_from_measured_speed(tmp_path: Path, settings: TrainSettings, inputs: TrainInputs) -> None:
    work = train(tmp_path / "work", changed(settings, budget_minutes=60), replace(inputs, num_rows=8))
    assert json.loads((work / "plan.json").read_text())["measured_tokens_per_second"] > 0
    assert read_metrics(work / "metrics.jsonl")[0][-1]["step"] == 4


def test_a_trunk_that_ends_early_gets_a_branch_of_its_share(
    tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phases, "_is_late", lambda _night, step, _pace: step >= 3)
    work = train(tmp_path / "work", settings, inputs)
    assert json.loads((work / "plan.json").read_text())["trunk_steps"] == 3
    rows, _ = read_metrics(work / "metrics.jsonl")
    assert [row["phase"] for row in rows] == ["trunk"] * 3 + ["branch"]


def test_a_first_night_that_is_late_takes_its_least_steps_and_a_later_one_none_of_them(
    tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phases, "LATE_SHARE", 0.0)
    late = changed(settings, budget_minutes=60, least_steps=5)
    first = train(tmp_path / "first", late, replace(inputs, num_rows=16))
    plan = json.loads((first / "plan.json").read_text())
    assert (plan["trunk_steps"], plan["decay_steps"]) == (4, 1)
    second = train(tmp_path / "second", late, replace(inputs, trunk=first / "trunk"))
    assert json.loads((second / "plan.json").read_text())["trunk_steps"] == 1


def test_a_machine_that_was_slow_only_when_measured_still_makes_all_steps(
    tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phases, "_seconds_per_step", lambda *_: 600.0)
    work = train(tmp_path / "work", changed(settings, budget_minutes=60), inputs)
    plan = json.loads((work / "plan.json").read_text())
    assert (plan["trunk_steps"], plan["decay_steps"]) == (6, 2)


def test_a_budget_too_short_for_any_schedule_is_an_error(
    tmp_path: Path, settings: TrainSettings, inputs: TrainInputs
) -> None:
    with pytest.raises(SettingsError, match="budget_minutes is too short"):
        train(tmp_path / "work", changed(settings, budget_minutes=1e-6), inputs)


def test_what_a_try_without_a_plan_has_spent_is_not_taken_from_the_next_one(
    tmp_path: Path, settings: TrainSettings, inputs: TrainInputs
) -> None:
    """A machine that was so busy that no step fits: an hour later the same night goes through."""
    work = tmp_path / "work"
    with pytest.raises(SettingsError, match="budget_minutes is too short"):
        train(work, changed(settings, budget_minutes=1e-6), inputs)
    timings = work / TIMINGS_FILE
    timings.write_text(json.dumps({"seconds": {"start": 3600.0, "measure": 3600.0}}), encoding="utf-8")
    train(work, changed(settings, budget_minutes=60), inputs)
    assert sum(json.loads(timings.read_text(encoding="utf-8"))["seconds"].values()) < 3600


def test_a_finished_training_is_not_done_again(undisturbed: Path, settings: TrainSettings, inputs: TrainInputs) -> None:
    before = (undisturbed / "metrics.jsonl").read_bytes()
    train(undisturbed, settings, inputs)
    assert (undisturbed / "metrics.jsonl").read_bytes() == before


def test_a_qwen3_with_adamw_trains_too(tmp_path: Path, settings: TrainSettings, inputs: TrainInputs) -> None:
    order = replace(inputs, num_rows=4)
    work = train(tmp_path / "work", changed(settings, architecture="qwen3", optimizer="adamw"), order)
    assert json.loads((work / "result" / "model" / "config.json").read_text())["model_type"] == "qwen3"


def test_a_slow_machine_does_not_spend_its_budget_on_being_measured(
    tmp_path: Path, settings: TrainSettings, inputs: TrainInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven steps of it would take the night; two tell how slow it is."""
    steps = []
    real = phases.run_phase

    def watched(*arguments: Any, phase: phases.Phase, **others: Any) -> Any:
        trainer = real(*arguments, phase=phase, **others)
        steps.append((phase.name, trainer.state.global_step))
        return trainer

    monkeypatch.setattr(phases, "run_phase", watched)
    monkeypatch.setattr(phases, "MEASURED_SHARE", 0.0)
    train(tmp_path / "work", changed(settings, budget_minutes=60), inputs)
    monkeypatch.setattr(phases, "MEASURED_SHARE", 0.1)
    train(tmp_path / "again", changed(settings, budget_minutes=60), inputs)
    assert [num_steps for name, num_steps in steps if name == "measure"] == [2, 7]
