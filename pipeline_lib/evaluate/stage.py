"""evaluate: how well models predict text that they never learned from.

    evaluate.benchmark   documents of scrub -> the held-out ones that models are compared on, with their texts
    evaluate.scores      one candidate, one benchmark -> scores.json and per_document.parquet, the same for the same
                         input, and speed.json, which is measured

Candidates x benchmarks make a table, a work a cell; each cell says by itself which one it is. A candidate is a model
folder and the backend that runs it: the challenger, a variant of it, or a version of the registry.

The yardstick is bits per byte: tokens, words and vocabularies cancel out, so models with different tokenizers and
scripts with different words compare. The perplexities beside it do not, and say in their names what they are per.
A figure that cannot be given (a model that answers NaN, a benchmark without documents) is null; the gate refuses on it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline_lib.base.errors import UpstreamError
from pipeline_lib.evaluate.settings import EvaluateSettings
from pipeline_lib.model.records import MODEL_FOLDER, PER_DOCUMENT_FILE, SCORES_FILE, SPEED_FILE, write_record
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome, Ref, digest_of
from pipeline_lib.store.files import read_json, write_json
from pipeline_lib.store.forgotten import among, by_shard, forget_key
from pipeline_lib.store.local import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline_lib.evaluate.benchmark import Shard

STAGE = "evaluate"

TEXT_STAGE = "scrub"  # whose shards hold the texts
BENCHMARK_FILE = "benchmark.json"


def make_benchmark(settings: EvaluateSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Choose the documents of a benchmark and keep them.

    Members: the tables of the token shards whose documents it may take. Input: `before`, the benchmark that it goes on
    from, if there is one. Parameters: `name`, `generation`; may be missing: `left_out`, sources not drawn from, `gone`,
    the digest of the texts that are not there (there are too many for their names), and `forgotten`: [batch, part,
    hash] of each document that is not taken.
    """
    from pipeline_lib.evaluate.benchmark import choose, describe, to_json, write_chosen
    from pipeline_lib.store.schemas import DOCUMENTS_FILE

    before, shards = _shards(inputs, DOCUMENTS_FILE)
    choice = choose(before, shards, at_most=settings.max_documents)
    write_chosen([*before, *shards], choice, folder / DOCUMENTS_FILE)
    found = describe(
        folder / DOCUMENTS_FILE, choice, name=str(inputs.params["name"]), generation=int(inputs.params["generation"])
    )
    write_json(folder / BENCHMARK_FILE, to_json(found))
    return Outcome(
        rows_in=choice.rows_in,
        rows_out=found.num_documents,
        dropped=choice.dropped,
        file_rows={DOCUMENTS_FILE: found.num_documents},
        facts=to_json(found),
    )


def make_scores(settings: EvaluateSettings, inputs: Inputs, folder: Path) -> Outcome:
    """Measure the model of an artifact. Inputs: `model`, and those of `score_model`."""
    return score_model(settings, inputs.folder("model") / MODEL_FOLDER, inputs, folder)


def score_model(settings: EvaluateSettings, model: Path, inputs: Inputs, folder: Path) -> Outcome:
    """Measure the model in a folder, wherever it comes from. Raises `DataError` when there is none.

    Inputs: `benchmark`; `counts`, a snapshot with its token counts, for the base line, may be missing. Parameters:
    `candidate`, `backend`; `version` for a candidate of the registry.
    """
    from pipeline_lib.evaluate.measure import measure, measure_speed
    from pipeline_lib.evaluate.sample import read_sample
    from pipeline_lib.model.backends import load, torch_threads
    from pipeline_lib.model.measured import write_per_document
    from pipeline_lib.model.scoring import open_tokenizer
    from pipeline_lib.store.schemas import DOCUMENTS_FILE
    from pipeline_lib.store.shards import COUNTS_FILE, read_counts

    benchmark = read_json(inputs.file("benchmark", BENCHMARK_FILE))
    sample = read_sample(
        inputs.file("benchmark", DOCUMENTS_FILE), max_document_characters=settings.max_document_characters
    )
    counts = read_counts([inputs.file("counts", COUNTS_FILE)]) if inputs.has("counts") else None
    tokenizer, backend_name = open_tokenizer(model), str(inputs.params["backend"])
    with torch_threads(settings.threads):
        backend = load(model, backend_name, threads=settings.threads)
        measured = measure(settings, backend, tokenizer, sample, counts)
        speed = measure_speed(settings, backend, tokenizer)
    scores = replace(
        measured.scores,
        candidate=str(inputs.params["candidate"]),
        version=inputs.params.get("version"),
        benchmark=benchmark["name"],
        generation=benchmark["generation"],
        backend=backend_name,
    )
    write_record(scores, folder / SCORES_FILE)
    write_json(folder / SPEED_FILE, speed)
    write_per_document(measured, folder / PER_DOCUMENT_FILE)
    number = scores.num_documents
    facts = {**scores.figures, "threads": settings.threads}  # which decide the last digits
    return Outcome(number, number, file_rows={PER_DOCUMENT_FILE: number}, facts=facts)


def _shards(inputs: Inputs, file: str) -> tuple[list["Shard"], list["Shard"]]:
    """What is kept from before, and what may be added.

    What left one shard may be back in a later one. All that leaves with the tables leaves what was kept before them.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from pipeline_lib.evaluate.benchmark import Shard
    from pipeline_lib.store.shards import excluded_of, read_shards

    every, gone = read_shards(inputs.store, inputs.listed)
    left_out = pa.array(inputs.params.get("left_out", ()), pa.string())
    table = every.filter(pc.invert(pc.is_in(every["source"], left_out)))
    left: dict[str, set[str]] = defaultdict(set)
    for shard, name in [*_rows(excluded_of(table, gone), "shard", "document_id"), *_forgotten(inputs, table, file)]:
        left[shard].add(name)
    gone_texts = _gone_texts(inputs, table["documents"].to_pylist())
    shards = [
        Shard(inputs.store.open(TEXT_STAGE, text, files=[file]).file(file), share, frozenset(left[shard]))
        for text, share, shard in _rows(table, "documents", "heldout_share", "shard")
        if text not in gone_texts
    ]
    is_gone = frozenset(gone["document_id"].to_pylist())  # what is forgotten has left the benchmark before already
    return [Shard(inputs.file("before", file), left=is_gone)] if inputs.has("before") else [], shards


def _forgotten(inputs: Inputs, table: "pa.Table", file: str) -> Iterator[tuple[str, str]]:
    """The token shards and ids of what is forgotten of these texts. Only their shards are looked at."""
    from pipeline_lib.store.tables import read_table

    leaving = by_shard(inputs.params.get("forgotten", ()))
    for batch, part, text, shard in _rows(table, "batch", "part", "documents", "shard") if leaving else ():
        if (batch, part) in leaving and inputs.store.is_present(Ref(TEXT_STAGE, text)):
            path = inputs.store.open(TEXT_STAGE, text, files=[file]).file(file)
            ids = read_table(path, ["document_id"])["document_id"].to_pylist()
            yield from ((shard, one) for one in among(ids, leaving[batch, part], forget_key(inputs.workspace)))


def gone_of(store: Store, texts: Iterable[str]) -> list[str]:
    """Those of these shards of text that are not there, or not whole."""
    return [text for text in texts if not store.is_present(Ref(TEXT_STAGE, text))]


def _gone_texts(inputs: Inputs, texts: Sequence[str]) -> frozenset[str]:
    """Those to do without. Raises `UpstreamError` when others are gone by now."""
    if "gone" not in inputs.params:
        return frozenset()
    gone = gone_of(inputs.store, texts)
    if digest_of(sorted(gone)) != inputs.params["gone"]:
        raise UpstreamError("evaluate: other texts are gone than when the benchmark was planned. Run again.")
    return frozenset(gone)


def _rows(table: "pa.Table", *columns: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(table[name].to_pylist() for name in columns), strict=True)


BENCHMARK = Maker("evaluate.benchmark", 1, "benchmark.v1", make_benchmark, reads=("max_documents",))
SCORES = Maker(
    "evaluate.scores",
    3,
    "scores.v1",
    make_scores,
    reads=(
        "max_document_characters",
        "context_tokens",
        "confidence",
        "num_resamples",
        "noise_share",
        "noise_documents",
        "seed",
    ),
)
MAKERS = (BENCHMARK, SCORES)
