"""quantize: smaller variants of a model, checked against it.

    quantize.variant   model, benchmark -> a model folder by itself, and variant.json: sizes, the share of the weights
                       that really is quantized, how far its answers are from the model's

One maker for all schemes, which is told its scheme as a parameter: a scheme's versioned name and options decide what
is made, so they stand in the identity of the variant, and one more scheme is no one else's business. `quantize.schemes`
itself is read by the plan alone. The bits per byte of a variant are measured by evaluate; the gate judges them.
"""

import shutil
from pathlib import Path

from pipeline_lib.model.records import MODEL_FOLDER, VARIANT_FILE, VariantReport, finite, write_record
from pipeline_lib.quantize.schemes import scheme_of
from pipeline_lib.quantize.settings import QuantizeSettings
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome

STAGE = "quantize"

COPIED_FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")


def make_variant(settings: QuantizeSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Make one variant and compare it with its model. Raises `DataError` when a step on the way goes wrong."""
    from pipeline_lib.model.backends import load, load_torch, torch_threads
    from pipeline_lib.model.scoring import open_tokenizer
    from pipeline_lib.quantize.parity import compare, parity_rows
    from pipeline_lib.quantize.scheme import Job
    from pipeline_lib.store.schemas import DOCUMENTS_FILE

    scheme = scheme_of(inputs.params["scheme"])
    model, variant = inputs.folder("model") / MODEL_FOLDER, folder / MODEL_FOLDER
    rows = parity_rows(
        inputs.file("benchmark", DOCUMENTS_FILE),
        open_tokenizer(model),
        num_documents=settings.parity_documents,
        num_tokens=settings.parity_tokens,
    )
    _copy_beside(model, variant)
    with torch_threads(settings.threads):
        reference = load_torch(model)
        made = scheme.make(Job(model, reference, rows, settings.max_logit_difference, settings.threads), variant)
        smaller = load(variant, scheme.backend, threads=settings.threads)
        parity = compare(reference, smaller, rows)
    report = VariantReport(
        scheme=scheme.kind,
        backend=scheme.backend,
        quantized_share=made.quantized_share,
        num_bytes=smaller.num_bytes,
        model_bytes=reference.num_bytes,
        max_difference=finite(parity.max_difference),
        cosine=finite(parity.cosine),
        argmax_agreement=parity.argmax_agreement,
        figures=made.figures,
    )
    write_record(report, folder / VARIANT_FILE)
    return Outcome(rows_in=len(rows), rows_out=len(rows), facts=report.all_figures)


def _copy_beside(model: Path, variant: Path) -> None:
    """What makes a folder with weights a model by itself."""
    variant.mkdir()
    for name in COPIED_FILES:
        if (model / name).is_file():
            shutil.copyfile(model / name, variant / name)


VARIANT = Maker(
    "quantize.variant",
    1,
    "variant.v1",
    make_variant,
    reads=("parity_documents", "parity_tokens", "max_logit_difference"),
)
MAKERS = (VARIANT,)
