"""`python datatrove_chain.py WARM.jsonl FULL.jsonl TOKENIZER.json FOLDER`: datatrove's nearest equal to our data half.

Runs in datatrove's own environment, so nothing of ours is imported. GopherRepetition, GopherQuality and C4 with limits
near ours, MinHash signatures, buckets, clusters, filter, PII, and the tokenizer that our side trained; one task, one
core. The warm file goes first and does not count: imports, spaCy. Prints {"seconds", "documents", "tokens"}; the last
two of what is left.
"""

import json
import os
import sys
import time
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.filters import C4QualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.tokens import DocumentTokenizer
from datatrove.pipeline.writers import JsonlWriter

# Our limits for technical prose. With its defaults a tenth of the documents would be left, and too little work behind
# the filters. Its words are spaCy's, which count punctuation: of those 0.5 with letters is about what 0.7 is of ours.
OUR_QUALITY = {"max_avg_word_length": 14, "max_symbol_word_ratio": 0.2, "max_non_alpha_words_ratio": 0.5}
OUR_C4 = {
    "filter_no_terminal_punct": False,
    "filter_curly_bracket": False,
    "min_num_sentences": -1,
    "min_words_per_line": -1,
}
BYTES_PER_TOKEN = 2  # ids of a vocabulary below 65,536
BYTES_PER_END = 8  # the index: where each document ends


def chain(source: Path, tokenizer: Path, folder: Path) -> float:
    """Do the whole chain over one file; CPU seconds of this process."""
    config = MinhashConfig()
    clean, signatures, buckets, remove = (str(folder / name) for name in ("clean", "signatures", "buckets", "remove"))
    pipelines = [
        [
            JsonlReader(str(source.parent), glob_pattern=source.name),
            GopherRepetitionFilter(),
            GopherQualityFilter(**OUR_QUALITY),
            C4QualityFilter(**OUR_C4),
            JsonlWriter(clean),
        ],
        [JsonlReader(clean), MinhashDedupSignature(signatures, config=config)],
        [MinhashDedupBuckets(signatures, buckets, config=config)],
        [MinhashDedupCluster(buckets, remove, config=config)],
        [
            JsonlReader(clean),
            MinhashDedupFilter(remove),
            PIIFormatter(),
            DocumentTokenizer(
                str(folder / "tokens"), str(tokenizer), eos_token="<|endoftext|>", shuffle_documents=False
            ),
        ],
    ]
    started = time.process_time()
    for number, pipeline in enumerate(pipelines):
        tasks = config.num_buckets if number == 2 else 1
        LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=str(folder / f"log-{number}")).run()
    return time.process_time() - started


def main() -> None:
    """Print the result as the last line."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    warm, full, tokenizer, folder = map(Path, sys.argv[1:])
    chain(warm, tokenizer, folder / "warm")
    seconds = chain(full, tokenizer, folder / "full")
    tokens = list((folder / "full" / "tokens").glob("*.ds"))
    left = {
        "documents": sum(path.with_suffix(".ds.index").stat().st_size // BYTES_PER_END for path in tokens),
        "tokens": sum(path.stat().st_size // BYTES_PER_TOKEN for path in tokens),
    }
    print(json.dumps({"seconds": seconds, **left}))


if __name__ == "__main__":
    main()
