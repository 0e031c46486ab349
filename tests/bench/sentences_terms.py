"""Clean with sentences and terms: documents of 2 kB a second and core, of English and Chinese text.

    clean_documents_s_core           sentences by their signs, terms by one pass: `count_sentences`, the entity rules of
                                     every night, and a list of 100 terms
    clean_documents_s_core_spacy     the same with spaCy's own sentences: `spacy_sentences`

All makers of clean one after the other on one shard, from documents.parquet to the ledger, files, digests and language
included, over CPU seconds of one process on one core, compiled and loaded (one_core.py): the fastest of three, of spaCy
one, on a tenth. Documents are cut from the neutral corpus (corpora.py) at 2,000 bytes, half of them in each language.
The list has the most frequent words of five letters and more, and pairs of Han characters.
"""

from collections.abc import Iterator

from tests.bench.corpora import neutral, texts_folder
from tests.bench.documents import write_jsonl
from tests.bench.figures import Figure
from tests.bench.one_core import ONE_THREAD
from tests.bench.workbench import Workbench

FIGURES = (
    Figure("clean_documents_s_core", "documents/s/core", "higher", "clean, 2 kB each, with sentences and terms", 5_000),
    Figure("clean_documents_s_core_spacy", "documents/s/core", "higher", "the same with sentences by spaCy"),
)
MEGABYTES, BYTES = 20, 2_000


def measure(bench: Workbench) -> Iterator[tuple[str, float]]:
    """See the module."""
    corpus = neutral(texts_folder(), megabytes=MEGABYTES)
    place = bench.root / "sentences" / "documents.jsonl"
    documents = [piece for text in corpus.values() for piece in pieces(text)]
    write_jsonl(documents, place)
    for figure, way in zip(FIGURES, ("signs", "spacy"), strict=True):
        told = bench.module("sentences_terms_child", way, str(place), extra=ONE_THREAD)
        bench.say(f"{way}: {told['documents']} documents in {told['seconds']:.2f} CPU seconds: {told['makers']}")
        yield figure.name, told["documents"] / told["seconds"]


def pieces(text: str) -> Iterator[str]:
    """Parts of about 2,000 bytes, none of a tenth less."""
    data = text.encode()
    for start in range(0, len(data), BYTES):
        piece = data[start : start + BYTES].decode(errors="ignore")
        if len(piece.encode()) > 0.9 * BYTES:
            yield piece
