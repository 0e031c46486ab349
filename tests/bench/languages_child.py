"""What telling languages costs: `python -m tests.bench.languages_child` prints {"ours", "theirs"}, CPU seconds.

Both read the same samples of the paragraphs of languages.py: ours from an Arrow column to labels, py3langid from
strings, which are there already. The fastest of three, by turns.
"""

import json
import time
from collections.abc import Callable

import pyarrow as pa
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from pipeline_lib.clean.language_letters import look, readable
from pipeline_lib.clean.language_model import load_model
from pipeline_lib.clean.language_sample import sampled
from tests.bench.corpora import texts_folder
from tests.bench.languages import paragraphs
from tests.bench.one_core import stay_on_one_core

ROUNDS = 3


def main() -> None:
    """See the module."""
    stay_on_one_core()
    texts = pa.array([text for _, text in paragraphs(texts_folder())], pa.large_string())
    model, peer, strings = load_model(), LanguageIdentifier.from_model_file(MODEL_FILE), sampled(texts).to_pylist()

    def ours() -> None:
        samples = sampled(texts)
        model.classify(readable(samples, look(samples)))

    def theirs() -> None:
        for text in strings:
            peer.classify(text)

    ours()  # compiles
    rounds = [(_cpu_seconds(ours), _cpu_seconds(theirs)) for _ in range(ROUNDS)]
    print(json.dumps({"ours": min(one for one, _ in rounds), "theirs": min(other for _, other in rounds)}))


def _cpu_seconds(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
