"""The maker of entities, and its works: there are none where the settings name no pipeline of spaCy.

    ENTITIES    text, signals -> entities.parquet: a column a label, a row a document; sums as facts

What is found is counted by its label; its text is never kept. Documents in other languages than the pipeline's count 0.
"""

from pathlib import Path

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.settings import PIPELINE, CleanSettings
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.maker import Maker, Work, work_of
from pipeline_lib.store.artifact import Outcome, Ref

ENTITIES_FILE = "entities.parquet"
DIGEST = "pipeline"  # the parameter that names the pipeline by what its folder holds
FOUND = "num_entities."  # and a label: a fact


def make_entities(settings: CleanSettings, inputs: Inputs, folder: Path) -> Outcome:
    """How many entities of each label the documents of `text` hold.

    Raises `SettingsError` where the pipeline changed since the night was planned, or cannot be loaded.
    """
    from collections import Counter

    import pyarrow.compute as pc

    from pipeline_lib.clean.signals import LANGUAGE
    from pipeline_lib.clean.spacy_pipeline import count_entities, digest_of_pipeline, entities_schema, load_pipeline
    from pipeline_lib.store.schemas import DOCUMENTS_FILE, SIGNALS_FILE
    from pipeline_lib.store.tables import TableWriter, side_by_side

    assert settings.spacy_pipeline is not None, "without one there is no work of this maker"
    if digest_of_pipeline(settings.spacy_pipeline) != inputs.params[DIGEST]:
        raise SettingsError("clean.spacy_pipeline: its files changed while this night ran. Run the same command again.")
    pipeline = load_pipeline(settings.spacy_pipeline)
    pieces = side_by_side(
        (inputs.file("text", DOCUMENTS_FILE), ["text"]), (inputs.file("signals", SIGNALS_FILE), [LANGUAGE])
    )
    sums = Counter[str]()
    with TableWriter(folder / ENTITIES_FILE, entities_schema(pipeline)) as writer:
        for text, signals in pieces:
            columns = text["text"].combine_chunks(), signals[LANGUAGE].combine_chunks()
            counted = count_entities(pipeline, *columns)
            writer.write(counted)
            sums.update({name: pc.sum(counted[name]).as_py() or 0 for name in counted.column_names})
    facts = {f"{FOUND}{label}": number for label, number in sums.items() if number}
    return Outcome(writer.num_rows, writer.num_rows, file_rows={ENTITIES_FILE: writer.num_rows}, facts=facts)


def entities_work(settings: CleanSettings, text: Ref, signals: Ref, number: int) -> dict[str, Work]:
    """The entities of one shard, as "entities"; nothing where no pipeline is named."""
    if settings.spacy_pipeline is None:
        return {}
    params = {DIGEST: settings.outside()[PIPELINE]}
    name = f"shard {number}: entities"
    return {"entities": work_of(ENTITIES, settings, params=params, text=text, signals=signals, name=name)}


ENTITIES = Maker("clean.entities", 1, "entities.v1", make_entities, only_with="spacy_pipeline")
