"""Turn documents into token ids: a tokenizer, learned once and pinned, and one row of ids for each document.

    LEARN    scrubbed documents -> tokenizer.json, tokenizer_config.json, special_tokens_map.json
    ENCODE   scrubbed documents, tokenizer -> tokens.arrow (tokens.v2), counts.parquet (how often each token comes),
                                              ledger.parquet (+ num_tokens, num_bytes)

All documents are encoded, those that may be held out too: side, context and packing are decided when tokens are read,
so none of them encodes anything again. The tokenizer learns from both sides, since it is pinned and the share is not.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline_lib.run.maker import Maker
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.tokenize.settings import TokenizeSettings
from pipeline_lib.tokenize.snapshot import MERGED, SHARDS, SNAPSHOT

if TYPE_CHECKING:
    from pipeline_lib.run.inputs import Inputs

STAGE: Final = "tokenize"


def make_tokenizer(settings: TokenizeSettings, inputs: "Inputs", folder: Path) -> Outcome:
    """Learn a byte-level BPE tokenizer from a bounded sample of the documents of all shards."""
    from pipeline_lib.store.schemas import DOCUMENTS_FILE
    from pipeline_lib.tokenize import vocabulary
    from pipeline_lib.tokenize.encode import CheckedEncoder
    from pipeline_lib.tokenize.fit import learned_fit
    from pipeline_lib.tokenize.sample import sample_texts

    sample = sample_texts(inputs.files("documents", DOCUMENTS_FILE), settings.max_training_bytes)
    tokenizer = vocabulary.train(
        sample.texts,
        vocab_size=settings.vocab_size,
        min_frequency=settings.min_frequency,
        domain_terms=settings.domain_terms,
    )
    vocabulary.save(tokenizer, folder)
    facts = {
        "generation": settings.generation,
        "num_sampled_documents": len(sample.texts),
        "num_sampled_bytes": sum(len(text.encode()) for text in sample.texts),
        "vocab_size": tokenizer.get_vocab_size(),
        "bytes_per_token": learned_fit(CheckedEncoder(tokenizer), sample.texts, sample.languages),
    }
    return Outcome(sample.num_documents, sample.num_documents, facts=facts)


def make_tokens(settings: TokenizeSettings, inputs: "Inputs", folder: Path) -> Outcome:
    """Encode one shard."""
    from pipeline_lib.store.schemas import DOCUMENTS_FILE
    from pipeline_lib.tokenize.shard import encode_shard

    return encode_shard(inputs.folder("tokenizer"), inputs.file("documents", DOCUMENTS_FILE), folder)


LEARN: Final = Maker(
    "tokenize.learn",
    1,
    "tokenizer.v1",
    make_tokenizer,
    reads=("vocab_size", "min_frequency", "max_training_bytes", "domain_terms", "generation"),
)
ENCODE: Final = Maker("tokenize.encode", 1, "tokens.v2", make_tokens)
MAKERS: Final = (LEARN, ENCODE, SHARDS, MERGED, SNAPSHOT)
