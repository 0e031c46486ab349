"""Models behind one small interface, so that torch and ONNX Runtime are measured by the same code.

A backend answers two questions: the logits of whole rows (for scoring), and one step with a key-value cache (for
generation). Greedy generation is the same loop for all of them.

A model folder holds `config.json`, the tokenizer and the weights: for `torch` as safetensors, in the layout of Hugging
Face; for `onnx` as `model.onnx`, whose graph has the inputs `input_ids[B, T]` and, for each layer, `past.<i>.key` and
`past.<i>.value` [B, H, P, D], and the outputs `logits[B, T, V]` and `present.<i>.*` [B, H, P + T, D]. An empty past
(P = 0) is a plain forward pass.

# B batch, T tokens, P tokens before, V vocabulary, H key-value heads, D width of a head
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline_lib.base.errors import DataError
from pipeline_lib.store.files import read_json

ONNX_FILE = "model.onnx"
CONFIG_FILE = "config.json"

Ids = NDArray[np.int64]
Scores = NDArray[np.float32]


class Backend(Protocol):
    """A loaded model."""

    @property
    def context_tokens(self) -> int:
        """The longest row it was made for."""
        ...

    @property
    def num_bytes(self) -> int:
        """Size of its weights on the disk."""
        ...

    def logits(self, ids_BT: Ids) -> Scores:
        """Logits of every position, float32[B, T, V]."""
        ...

    def step(self, ids_BT: Ids, past: Any | None) -> tuple[Scores, Any]:
        """Logits of the given tokens behind `past`, and the past for the next step."""
        ...


@dataclass(frozen=True)
class TorchBackend:
    """A transformers model on the CPU in float32."""

    model: Any
    context_tokens: int
    num_bytes: int

    def logits(self, ids_BT: Ids) -> Scores:
        """See `Backend`."""
        import torch

        with torch.inference_mode():
            return _floats(self.model(input_ids=torch.from_numpy(ids_BT), use_cache=False).logits.numpy())

    def step(self, ids_BT: Ids, past: Any | None) -> tuple[Scores, Any]:
        """See `Backend`."""
        import torch

        with torch.inference_mode():
            answer = self.model(input_ids=torch.from_numpy(ids_BT), past_key_values=past, use_cache=True)
        return _floats(answer.logits.numpy()), answer.past_key_values


@dataclass(frozen=True)
class OnnxBackend:
    """An ONNX Runtime session on the CPU."""

    session: Any
    context_tokens: int
    num_bytes: int

    def logits(self, ids_BT: Ids) -> Scores:
        """See `Backend`."""
        return _floats(self.session.run(["logits"], {"input_ids": ids_BT, **self._empty(len(ids_BT))})[0])

    def step(self, ids_BT: Ids, past: Any | None) -> tuple[Scores, Any]:
        """See `Backend`."""
        known = self._empty(len(ids_BT)) if past is None else past
        scores, *present = self.session.run(None, {"input_ids": ids_BT, **known})
        return _floats(scores), dict(zip(known, present, strict=True))

    def _empty(self, num_rows: int) -> dict[str, Scores]:
        pasts = [entry for entry in self.session.get_inputs() if entry.name != "input_ids"]
        return {entry.name: np.zeros((num_rows, entry.shape[1], 0, entry.shape[3]), np.float32) for entry in pasts}


def load(folder: Path, name: str, *, threads: int) -> Backend:
    """The model in `folder`, ready to answer. Raises `DataError` when the folder holds no such model."""
    if name not in BACKENDS:
        raise DataError(f"There is no backend {name!r} among {', '.join(BACKENDS)}. It was made by another version.")
    for wanted in (CONFIG_FILE, *([ONNX_FILE] if name == "onnx" else [])):
        if not (folder / wanted).is_file():
            raise DataError(f"{folder}: holds no {name} model ({wanted} is missing). Delete the folder and run again.")
    return BACKENDS[name](folder, threads)


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Let torch use this many threads: the order of its sums, and so the last bits of a result, depend on it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def generate(backend: Backend, prompt: Ids, num_tokens: int) -> Ids:
    """The `num_tokens` most likely next tokens behind `prompt` [P], one at a time; it does not stop at an end token."""
    tokens: list[int] = []
    scores, past = backend.step(prompt[None, :], None)
    while len(tokens) < num_tokens:
        tokens.append(int(scores[0, -1].argmax()))
        if len(tokens) < num_tokens:
            scores, past = backend.step(np.array([[tokens[-1]]], dtype=np.int64), past)
    return np.array(tokens, dtype=np.int64)


def load_torch(folder: Path, _threads: int = 1) -> TorchBackend:
    """The transformers model of a folder, in float32, never with code from the folder and never from a network.

    How many threads it computes with is torch's setting for the whole process (`torch_threads`).
    """
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, trust_remote_code=False, use_safetensors=True
    ).eval()
    num_bytes = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return TorchBackend(model, int(model.config.max_position_embeddings), num_bytes)


def load_onnx(folder: Path, threads: int) -> OnnxBackend:
    """The graph of a folder on ONNX Runtime."""
    context_tokens = int(read_json(folder / CONFIG_FILE)["max_position_embeddings"])
    return open_graph(folder / ONNX_FILE, context_tokens=context_tokens, threads=threads)


def open_graph(path: Path, *, context_tokens: int, threads: int) -> OnnxBackend:
    """A graph file by itself."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return OnnxBackend(session, context_tokens, path.stat().st_size)


def _floats(array: Any) -> Scores:
    return np.asarray(array, dtype=np.float32)


# Each way to run a model: (folder, threads) -> backend.
BACKENDS: Mapping[str, Callable[[Path, int], Backend]] = {"torch": load_torch, "onnx": load_onnx}
