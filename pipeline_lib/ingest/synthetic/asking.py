"""Seeds are asked side by side, within the budget, and each answer is kept when it comes.

work/landings/<name>/answers.jsonl     an answer a line: after a kill nothing is paid twice, and counts
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_lib.ingest.plan import PROGRESS_FILE
from pipeline_lib.ingest.synthetic.budget import Usage, allows, at_most
from pipeline_lib.ingest.synthetic.endpoint import RefusedQuestion, ask
from pipeline_lib.ingest.synthetic.pairs import pairs_of
from pipeline_lib.ingest.synthetic.seeds import Seed
from pipeline_lib.store.files import write_json

if TYPE_CHECKING:
    from pipeline_lib.ingest.sources.synthetic import SyntheticSource

ANSWERS_FILE = "answers.jsonl"


@dataclass(frozen=True)
class Answered:
    """What came back about a seed so far; no pairs where it had not the form."""

    seed: str
    recipe: str
    model: str
    pairs: Sequence[tuple[str, str]]
    usage: Usage

    def is_done(self, max_tries: int) -> bool:
        """Whether it is not asked again."""
        return bool(self.pairs) or self.usage.num_requests >= max_tries

    def and_then(self, other: "Answered") -> "Answered":
        """The same after one more answer."""
        return Answered(self.seed, self.recipe, other.model, other.pairs, self.usage + other.usage)


def read_answers(work: Path, recipe: str) -> dict[str, Answered]:
    """What a night that was killed was answered, by seed; a last line that is cut is none."""
    answers: dict[str, Answered] = {}
    path = work / ANSWERS_FILE
    # Of the signs that end a line for `splitlines` some stand in answers as they are (U+2028, U+0085).
    for line in path.read_text(encoding="utf-8").split("\n") if path.is_file() else ():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if told["recipe"] == recipe:
            _note(answers, Answered(**{**told, "usage": Usage(**told["usage"])}))
    return answers


def ask_all(
    source: "SyntheticSource", todo: Sequence[Seed], work: Path, answers: dict[str, Answered], *, is_answering: bool
) -> Usage:
    """Ask about these seeds until they are answered or the budget ends; what all of the night took, also before a kill.

    `answers` is added to. Where one request fails, what was answered beside it is kept first. Where others were
    answered, also before (`is_answering`), a question that is refused is a matter of its seed, else of the settings.
    """
    is_answering = is_answering or bool(answers)
    work.mkdir(parents=True, exist_ok=True)
    used = sum((one.usage for one in answers.values()), Usage())
    waiting = deque(seed for seed in todo if not _is_done(source, answers, seed))
    path = work / ANSWERS_FILE
    with path.open("a", encoding="utf-8") as kept, ThreadPoolExecutor(source.max_connections) as pool:
        kept.write("\n" if path.stat().st_size else "")  # behind a line that is cut
        while some := _affordable(source, waiting, used):
            asked = [(seed, pool.submit(_ask, source, seed)) for seed in some]
            is_answering = is_answering or any(one.exception() is None for _, one in asked)
            came = [(seed, _what_came(source, seed, one, is_answering)) for seed, one in asked]
            for seed, answer in came:
                if isinstance(answer, BaseException):
                    continue
                used += answer.usage
                _note(answers, answer)
                kept.write(json.dumps(asdict(answer), ensure_ascii=False) + "\n")
                waiting.extend([] if _is_done(source, answers, seed) else [seed])
            kept.flush()
            for _, failed in came:
                if isinstance(failed, BaseException):
                    raise failed
            write_json(work / PROGRESS_FILE, {"done": len(todo) - len(waiting), "total": len(todo), "note": "seeds"})
    return used


def _affordable(source: "SyntheticSource", waiting: "deque[Seed]", used: Usage) -> list[Seed]:
    """The next seeds that may be asked side by side."""
    some = list[Seed]()
    while waiting and len(some) < source.max_connections:
        used += at_most(source, waiting[0].prompt)
        if not allows(source, used):
            break
        some.append(waiting.popleft())
    return some


def _ask(source: "SyntheticSource", seed: Seed) -> Answered:
    answer = ask(source, seed.prompt)
    pairs = [(pair.question, pair.answer) for pair in pairs_of(answer.text, source.num_pairs)]
    return Answered(seed.key, source.recipe, answer.model, pairs, answer.usage)


def _what_came(
    source: "SyntheticSource", seed: Seed, asked: "Future[Answered]", is_answering: bool
) -> Answered | BaseException:
    """An answer, or why there is none; a question that is refused, of one who answers others, is a try of its seed."""
    failed = asked.exception()
    if isinstance(failed, RefusedQuestion) and is_answering:
        return Answered(seed.key, source.recipe, "", (), Usage(1))
    return failed or asked.result()


def _note(answers: dict[str, Answered], answer: Answered) -> None:
    before = answers.get(answer.seed)
    answers[answer.seed] = before.and_then(answer) if before else answer


def _is_done(source: "SyntheticSource", answers: Mapping[str, Answered], seed: Seed) -> bool:
    return seed.key in answers and answers[seed.key].is_done(source.max_tries)
