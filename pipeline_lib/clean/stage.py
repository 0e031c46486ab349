"""clean: documents in; their text, without markup, mojibake and control characters, and a verdict on each of them.

    TEXT      documents -> documents.parquet (all of them, in their order), extraction.parquet
    SIGNALS   text -> signals.parquet: language and quality signals, a row a document
    TERMS     text, signals -> terms.parquet: sentences and terms
    ENTITIES  where a pipeline of spaCy is named (entity_stage.py)
    a model, scores by it    where there are models (model_kinds/)
    JUDGE     text (ids) and extraction, signals, terms, scores -> ledger.parquet: who is kept, who not and why

Only JUDGE sees limits: one that is moved, and a rule that is switched on or off, costs no new reading of the text.
Each maker goes through its input in pieces, so that memory does not grow with a shard, and writes as many pieces of as
many rows: files that belong together are read side by side.
One core: text 160 MB/s (HTML 12), signals 80 to 100, language 15 us for each document that the model is asked about,
terms 600, sentences 450; spaCy 1.3 MB/s where it reads.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipeline_lib.clean.entity_stage import ENTITIES
from pipeline_lib.clean.model_kind import SCORES_FILE
from pipeline_lib.clean.model_stage import BOARDS, MODEL_MAKERS, load_models
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.steps import settings_read
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome

EXTRACTION_FILE = "extraction.parquet"
TERMS_FILE = "terms.parquet"
TERMINOLOGY_FILE = "terminology.json"  # by term: matches, documents; there where the user has a list
GROUPS_ASKED = "groups"  # the parameter of SIGNALS that names groups of signals which only some rules ask for


def make_text(settings: CleanSettings, inputs: Inputs, folder: Path) -> Outcome:
    """The text of each document of `documents`. Raises `GuardStop` where a step is a mistake (steps/apply.py)."""
    from pipeline_lib.clean.steps.counts import Counts, added, check, cpu_seconds_of, facts_of
    from pipeline_lib.clean.texts import EXTRACTION_SCHEMA, extract_texts
    from pipeline_lib.store.schemas import DOCUMENTS_FILE, DOCUMENTS_SCHEMA
    from pipeline_lib.store.tables import TableWriter, iterate

    counts: Counts = {}
    with (
        TableWriter(folder / DOCUMENTS_FILE, DOCUMENTS_SCHEMA) as documents,
        TableWriter(folder / EXTRACTION_FILE, EXTRACTION_SCHEMA) as extraction,
    ):
        for part in iterate(inputs.file("documents", DOCUMENTS_FILE)):
            texts = extract_texts(part, settings)
            documents.write(texts.documents)
            extraction.write(texts.extraction)
            counts = added(counts, texts.counts)
    check(counts)
    outcome = _all_of({DOCUMENTS_FILE: documents.num_rows, EXTRACTION_FILE: extraction.num_rows}, facts_of(counts))
    return replace(outcome, cpu_seconds=cpu_seconds_of(counts))


def make_signals(settings: CleanSettings, inputs: Inputs, folder: Path) -> Outcome:
    """The language and the quality signals of each document of `text`."""
    from pipeline_lib.clean.signals import signals_of, signals_schema
    from pipeline_lib.store.schemas import DOCUMENTS_FILE, SIGNALS_FILE
    from pipeline_lib.store.tables import TableWriter, iterate

    groups = inputs.params.get(GROUPS_ASKED, ())
    with TableWriter(folder / SIGNALS_FILE, signals_schema(groups)) as writer:
        for part in iterate(inputs.file("text", DOCUMENTS_FILE), ["text"]):
            writer.write(signals_of(part["text"].combine_chunks(), groups, words=settings.words))
    return _all_of({SIGNALS_FILE: writer.num_rows})


def make_terms(settings: CleanSettings, inputs: Inputs, folder: Path) -> Outcome:
    """The terms and sentences of each document of `text`, each read in its language; the terms of a list over all."""
    from pipeline_lib.clean.signals import LANGUAGE
    from pipeline_lib.clean.terminology import Comes, Terminology, added
    from pipeline_lib.clean.terms import count_terms, terms_schema
    from pipeline_lib.store.files import write_json
    from pipeline_lib.store.schemas import DOCUMENTS_FILE, SIGNALS_FILE
    from pipeline_lib.store.tables import TableWriter, side_by_side

    pieces = side_by_side(
        (inputs.file("text", DOCUMENTS_FILE), ["text"]), (inputs.file("signals", SIGNALS_FILE), [LANGUAGE])
    )
    comes: dict[str, Comes] = {}
    with TableWriter(folder / TERMS_FILE, terms_schema(settings.entity_rules)) as writer:
        for text, signals in pieces:
            columns = text["text"].combine_chunks(), signals[LANGUAGE].combine_chunks()
            writer.write(count_terms(settings, *columns))
            if settings.terminology:
                comes = added(comes, Terminology.of(settings.terminology).counted(columns[0]))
    if settings.terminology:
        write_json(folder / TERMINOLOGY_FILE, comes)
    return _all_of({TERMS_FILE: writer.num_rows})


def make_judge(settings: CleanSettings, inputs: Inputs, folder: Path) -> Outcome:
    """The verdict on each document of `text`, from `signals` and `terms`; with what the steps of `text` did."""
    from pipeline_lib.clean import model_stage
    from pipeline_lib.clean.judge import judge
    from pipeline_lib.clean.steps.counts import counts_in, facts_of
    from pipeline_lib.clean.tally import Tally
    from pipeline_lib.store.schemas import DOCUMENTS_FILE, LEDGER_FILE, LEDGER_SCHEMA, SIGNALS_FILE
    from pipeline_lib.store.tables import TableWriter, side_by_side

    scored = [(inputs.file(board, SCORES_FILE), None) for board in BOARDS if inputs.has(board)]
    pieces = side_by_side(
        (inputs.file("text", DOCUMENTS_FILE), ["document_id"]),
        (inputs.file("text", EXTRACTION_FILE), None),
        (inputs.file("signals", SIGNALS_FILE), None),
        (inputs.file("terms", TERMS_FILE), None),
        *scored,
    )
    tally = Tally()
    with TableWriter(folder / LEDGER_FILE, LEDGER_SCHEMA) as writer:
        for documents, extraction, signals, terms, *scores in pieces:
            ids, together = documents["document_id"].combine_chunks(), model_stage.side_by_side(scores)
            ledger = judge(settings, ids, extraction, signals, terms, together)
            writer.write(ledger)
            tally.add(ledger, signals, terms)
    return Outcome(
        rows_in=writer.num_rows,
        rows_out=writer.num_rows - tally.reasons.total(),
        dropped=tally.reasons,
        file_rows={LEDGER_FILE: writer.num_rows},
        facts={**tally.facts(settings.entity_rules), **facts_of(counts_in(inputs.manifest("text").facts))},
    )


def warm_up(settings: CleanSettings) -> None:
    """Load what the makers need: half of the time of a small shard."""
    import pyarrow as pa

    from pipeline_lib.clean import judge, language, signals, tally, terms, texts
    from pipeline_lib.clean.signal_groups import groups_asked
    from pipeline_lib.store.schemas import DOCUMENTS_SCHEMA

    found = texts.extract_texts(DOCUMENTS_SCHEMA.empty_table(), settings)
    column, ids = (found.documents[name].combine_chunks() for name in ("text", "document_id"))
    measured = signals.signals_of(column, groups_asked(settings.rules), words=settings.words)
    counted = terms.count_terms(settings, column, measured[signals.LANGUAGE].combine_chunks())
    tally.Tally().add(judge.judge(settings, ids, found.extraction, measured, counted), measured, counted)
    signals.measure_texts(pa.array([""], pa.large_string()))
    language.load()
    load_models(settings.models)
    terms.load(settings)


def _all_of(file_rows: Mapping[str, int], facts: Mapping[str, int] | None = None) -> Outcome:
    """Each document that came in is in each file."""
    num_rows = next(iter(file_rows.values()))
    return Outcome(rows_in=num_rows, rows_out=num_rows, file_rows=file_rows, facts=facts or {})


TEXT = Maker(
    "clean.text",
    4,
    "documents.v2",
    make_text,
    reads=("max_html_tags", "extractor", "page_metadata", "terminology", *settings_read()),
)
SIGNALS = Maker("clean.signals", 3, "signals.v1", make_signals, reads=("words",))
TERMS = Maker(
    "clean.terms",
    2,
    "terms.v1",
    make_terms,
    reads=("entity_rules", "terminology", "count_sentences", "spacy_sentences"),
)
JUDGE = Maker(
    "clean.judge",
    1,
    "ledger.v1",
    make_judge,
    reads=("languages", "max_html_tags", "rule_set", "words", "rules", "entity_rules", "entity_limits", "models"),
)
MAKERS = (TEXT, SIGNALS, TERMS, ENTITIES, *MODEL_MAKERS, JUDGE)
