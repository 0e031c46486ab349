"""Which weight gets which optimizer, and what survives saving."""

from pathlib import Path

import pytest
import torch

from pipeline_lib.train.job import TrainInputs
from pipeline_lib.train.model import new_model
from pipeline_lib.train.optimizer import MuonAdamW, build_optimizer, load_momenta, read_state
from pipeline_lib.train.settings import TrainSettings


@pytest.fixture
def model(settings: TrainSettings, inputs: TrainInputs) -> torch.nn.Module:
    return new_model(settings, inputs.tokenizer)


def step(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    model(input_ids=torch.arange(8)[None]).logits.logsumexp(-1).sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def test_muon_gets_the_matrices_of_the_blocks_and_adamw_the_rest(model, settings) -> None:
    """One layer: q, k, v, o, gate, up, down; the rest: embedding (tied to the head) and three norms."""
    optimizer = build_optimizer(model, settings)
    assert isinstance(optimizer, MuonAdamW)
    assert [len(group["params"]) for group in optimizer.param_groups] == [7, 4]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]


def test_one_schedule_drives_both(model, settings) -> None:
    optimizer = build_optimizer(model, settings)
    for group in optimizer.param_groups:
        group["lr"] = 0.5
    assert optimizer.muon.param_groups[0]["lr"] == optimizer.adamw.param_groups[0]["lr"] == 0.5
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.param_groups[0]["lr"] = optimizer.param_groups[1]["lr"] = 0.25
    assert optimizer.muon.param_groups[0]["lr"] == optimizer.adamw.param_groups[0]["lr"] == 0.25


def test_every_weight_moves_in_a_step(model, settings) -> None:
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    step(model, build_optimizer(model, settings))
    assert all(not torch.equal(before[name], weight) for name, weight in model.named_parameters())


@pytest.mark.parametrize("kind", ["muon", "adamw"])
def test_momenta_are_taken_over_and_rates_are_not(model, settings, kind: str, tmp_path: Path) -> None:
    settings = settings.model_copy(update={"optimizer": kind})
    first = build_optimizer(model, settings)
    step(model, first)
    torch.save(first.state_dict(), tmp_path / "optimizer.pt")
    second = build_optimizer(model, settings.model_copy(update={"learning_rate": 0.01}))
    load_momenta(second, read_state(tmp_path / "optimizer.pt"))
    assert {group["lr"] for group in second.param_groups} == {0.01}
    assert momenta(second) == momenta(first) != {}


def momenta(optimizer: torch.optim.Optimizer) -> dict[str, list[float]]:
    state = optimizer.state_dict()
    parts = [state["muon"], state["adamw"]] if "muon" in state else [state]
    return {
        f"{part}-{weight}-{name}": value.flatten().tolist()
        for part, saved in enumerate(parts)
        for weight, values in saved["state"].items()
        for name, value in values.items()
    }
