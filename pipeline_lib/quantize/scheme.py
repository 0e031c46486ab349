"""What a quantization scheme is: one file under `schemes/`, and one line in the list there.

A scheme is a configured choice: its versioned name, the options that only it has, the backend that runs what it makes,
and `make`, which puts the weights into a model folder.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pipeline_lib.base.settings import StageSettings
from pipeline_lib.model.records import Figures

if TYPE_CHECKING:
    from pipeline_lib.model.backends import Ids, TorchBackend


@dataclass(frozen=True)
class Job:
    """What a scheme is given."""

    model: Path  # Hugging Face folder
    reference: "TorchBackend"  # the model in it, loaded
    rows: Sequence["Ids"]  # of real text, [1, T] each: what the variant is compared on
    max_logit_difference: float  # that a step which should change nothing may make
    threads: int


@dataclass(frozen=True)
class Made:
    """What a scheme says of its work."""

    quantized_share: float  # of the weights, counted, 0..1
    figures: Figures = field(default_factory=dict)


class Scheme(StageSettings):
    """A way to make a smaller variant."""

    backend: ClassVar[str]  # of model/backends.py

    kind: str

    @abstractmethod
    def make(self, job: Job, folder: Path) -> Made:
        """Put the weights into `folder`, which holds the model's config.json and tokenizer by then.

        Raises `DataError` when the model cannot be made smaller this way.
        """
