"""Entities that a pipeline of the user's finds: by label, never their text."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spacy

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.clean.entity_stage import DIGEST, ENTITIES, ENTITIES_FILE, entities_work
from pipeline_lib.clean.settings import PIPELINE, CleanSettings
from pipeline_lib.clean.spacy_pipeline import MOST_CHARS, OTHER, count_entities, digest_of_pipeline, load_pipeline
from pipeline_lib.store.artifact import Ref
from tests.given import given

PERSONS = ("Ada Lovelace", "Charles Babbage")
TEXT, SIGNALS = Ref("clean", "0" * 32), Ref("clean", "1" * 32)


def save_pipeline(folder: Path, language: str = "en") -> Path:
    """One that knows two persons and a city."""
    pipeline = spacy.blank(language)
    ruler = pipeline.add_pipe("entity_ruler")
    patterns = [{"label": "PERSON", "pattern": name} for name in PERSONS]
    ruler.add_patterns([*patterns, {"label": "CITY", "pattern": [{"LOWER": "london"}]}])
    pipeline.to_disk(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_pipeline(tmp_path_factory.mktemp("pipeline") / "names")


def _counted(folder: Path, texts: list[str], languages: list[str | None]) -> dict[str, list[int]]:
    columns = pa.array(texts, pa.large_string()), pa.array(languages, pa.string())
    found: dict[str, list[int]] = count_entities(load_pipeline(folder), *columns).to_pydict()
    return found


def test_entities_are_counted_by_label_in_documents_of_its_language(folder: Path) -> None:
    texts = ["Ada Lovelace met Charles Babbage in LONDON.", "Ada Lovelace", "Ada Lovelace", "", "nobody"]
    found = _counted(folder, texts, ["en", "zh", None, "en", "en"])
    assert found == {"CITY": [1, 0, 0, 0, 0], "PERSON": [2, 0, 0, 0, 0], OTHER: [0] * 5}


def test_a_pipeline_for_all_languages_reads_all(tmp_path: Path) -> None:
    found = _counted(save_pipeline(tmp_path / "all", "xx"), ["Ada Lovelace", "london"], ["zh", None])
    assert found == {"CITY": [0, 1], "PERSON": [1, 0], OTHER: [0, 0]}


def test_a_long_document_is_read_in_segments_and_added_up(folder: Path) -> None:
    text = "Ada Lovelace wrote the first program of all. " * (3 * MOST_CHARS // 45) + "(" * 2_000
    assert _counted(folder, [text], ["en"])["PERSON"] == [text.count("Ada")]


def test_a_trained_pipeline_counts_by_its_own_labels(tmp_path: Path) -> None:
    from spacy.training import Example

    pipeline = spacy.blank("en")
    pipeline.add_pipe("ner").add_label("SHIP")
    texts = [("The Argo sailed.", (4, 8)), ("The Nina sailed.", (4, 8)), ("The Vasa sank.", (4, 8))]
    examples = [Example.from_dict(pipeline.make_doc(text), {"entities": [(*span, "SHIP")]}) for text, span in texts]
    spacy.util.fix_random_seed(0)
    optimizer = pipeline.initialize(lambda: examples)
    for _ in range(25):
        pipeline.update(examples, sgd=optimizer)
    pipeline.to_disk(tmp_path / "ships")
    assert _counted(tmp_path / "ships", ["The Argo sailed."], ["en"]) == {"SHIP": [1], OTHER: [0]}


def test_the_maker_writes_counts_and_no_text(folder: Path, tmp_path: Path) -> None:
    settings = CleanSettings(spacy_pipeline=folder)
    work = entities_work(settings, TEXT, SIGNALS, 0)["entities"]
    for name, table in (
        ("text", {"text": pa.array(["Ada Lovelace in London", "x"], pa.large_string())}),
        ("signals", {"language": pa.array(["en", "en"])}),
    ):
        (tmp_path / name).mkdir()
        file = "documents.parquet" if name == "text" else "signals.parquet"
        pq.write_table(pa.table(table), tmp_path / name / file)
    inputs = given(params=dict(work.params), text=tmp_path / "text", signals=tmp_path / "signals")
    (tmp_path / "out").mkdir()
    outcome = ENTITIES.make(settings.only(ENTITIES.reads), inputs, tmp_path / "out")
    assert outcome.facts == {"num_entities.CITY": 1, "num_entities.PERSON": 1}
    assert outcome.rows_in == outcome.rows_out == 2
    written = tmp_path / "out" / ENTITIES_FILE
    assert pq.read_table(written).to_pylist() == [
        {"CITY": 1, "PERSON": 1, OTHER: 0},
        {"CITY": 0, "PERSON": 0, OTHER: 0},
    ]
    assert b"Lovelace" not in written.read_bytes()


def test_its_digest_names_the_work_and_follows_its_files_not_its_place(folder: Path, tmp_path: Path) -> None:
    same, other = save_pipeline(tmp_path / "same"), save_pipeline(tmp_path / "other")
    (other / "tokenizer").write_bytes((other / "tokenizer").read_bytes() + b" ")
    works = [
        entities_work(CleanSettings(spacy_pipeline=one), TEXT, SIGNALS, 0)["entities"] for one in (folder, same, other)
    ]
    assert works[0].params == {DIGEST: digest_of_pipeline(folder)}
    assert works[0].fingerprint == works[1].fingerprint != works[2].fingerprint
    assert CleanSettings(spacy_pipeline=folder).outside() == {PIPELINE: digest_of_pipeline(folder)}
    assert entities_work(CleanSettings(), TEXT, SIGNALS, 0) == {} and CleanSettings().outside() == {}


def test_one_that_changed_since_the_night_was_planned_is_refused(folder: Path, tmp_path: Path) -> None:
    inputs = given(params={DIGEST: "0" * 32}, text=tmp_path, signals=tmp_path)
    with pytest.raises(SettingsError, match="changed while this night ran"):
        ENTITIES.make(CleanSettings(spacy_pipeline=folder), inputs, tmp_path)


def test_what_is_no_pipeline_of_entities_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"config.cfg or meta.json is missing. Name what nlp.to_disk wrote"):
        digest_of_pipeline(tmp_path)
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(SettingsError, match="finds no entities: it has nothing"):
        load_pipeline(tmp_path / "blank")
    broken = save_pipeline(tmp_path / "broken")
    (broken / "config.cfg").write_text("[nlp\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="cannot be loaded"):
        load_pipeline(broken)
