"""evaluate: how well a model predicts held-out text.

In: a model folder, held-out documents, the token shards it was trained on (only for their unigram counts).
Out: `scores.json` (the same for the same input), `per_document.parquet` (document_id, num_bytes, bits: what the gate
compares) and `speed.json`, which is measured, so never twice the same, and stands apart for that reason.

The yardstick is bits per byte: tokens, words and vocabularies cancel out, so models with different tokenizers and
scripts with different words compare. The perplexities beside it do not, and say in their names what they are per.
A figure that cannot be given (a model that answers NaN) is null; the gate refuses on it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.files import write_json

STAGE = "evaluate"
VERSION = 1

SCORES_FILE = "scores.json"
SPEED_FILE = "speed.json"
PER_DOCUMENT_FILE = "per_document.parquet"


@dataclass(frozen=True)
class EvaluateInputs:
    """One model and the text it is measured on."""

    model: Path  # Hugging Face folder for torch, folder of the quantize stage for onnx_*
    backend: Literal["torch", "onnx_fp32", "onnx_int8"]
    heldout: tuple[Path, ...]  # documents.v1
    train_rows: tuple[Path, ...]  # tokens.v1


def run(settings: EvaluateSettings, inputs: EvaluateInputs, folder: Path) -> Outcome:
    """Measure the model. Raises `DataError` when there is no held-out text or no such model."""
    from pipeline_lib.evaluate.measure import measure, measure_speed
    from pipeline_lib.evaluate.sample import take_sample
    from pipeline_lib.model.backends import load, torch_threads
    from pipeline_lib.model.scoring import open_tokenizer
    from pipeline_lib.store.tables import write_parquet

    sample = take_sample(inputs.heldout, settings)
    tokenizer = open_tokenizer(inputs.model)
    with torch_threads(settings.threads):
        backend = load(inputs.model, inputs.backend, threads=settings.threads)
        measurement = measure(settings, backend, tokenizer, sample, inputs.train_rows)
        speed = measure_speed(settings, backend, tokenizer)
    scores = {"backend": inputs.backend, **measurement.scores}
    write_json(folder / SCORES_FILE, scores)
    write_json(folder / SPEED_FILE, speed)
    write_parquet(measurement.per_document, folder / PER_DOCUMENT_FILE)
    return Outcome(
        rows_in=sample.rows_in,
        rows_out=len(sample.texts),
        dropped=sample.dropped,
        file_rows={PER_DOCUMENT_FILE: len(sample.texts)},
        facts=scores,
    )
