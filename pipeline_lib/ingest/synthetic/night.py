"""A night of questions: which seeds are asked, what of the answers is new, and what stays.

A row stays for as long as its seed is in the file. A seed that was asked by another recipe keeps its rows until it is
its turn. A question that is there already, from whatever seed, is not taken twice. Of a seed that never got an answer
of the right form nothing lands, and it is not asked again either. Where the landing before is lost, all seeds are asked
again, a budget a night, and may be answered with fewer pairs: gone are the rows of seeds that left the file alone.

    asked.json     in a landing: the recipe by which each seed was asked last
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline_lib.ingest.landed import Row, landed_rows
from pipeline_lib.ingest.landing import Landing
from pipeline_lib.ingest.synthetic.asking import Answered, ask_all, read_answers
from pipeline_lib.ingest.synthetic.budget import Usage, cost_of
from pipeline_lib.ingest.synthetic.landed import RECIPE, SEED
from pipeline_lib.ingest.synthetic.pairs import MOST_PAIRS, key_of
from pipeline_lib.ingest.synthetic.seeds import seeds_of
from pipeline_lib.store.artifact import Outcome
from pipeline_lib.store.files import read_json, write_json

if TYPE_CHECKING:
    from pipeline_lib.ingest.sources.synthetic import SyntheticSource

ASKED_FILE = "asked.json"
Known = Mapping[str, list[tuple[str, bytes]]]  # seed: ids of its rows, with the keys of their questions


def write_night(
    source: "SyntheticSource", landing: Landing, before: Path | None, work: Path, folder: Path, max_gone_share: float
) -> Outcome:
    """Ask, and fill the folder of a landing."""
    seeds = {seed.key: seed for seed in seeds_of(source)}
    asked: dict[str, str] = {} if before is None else read_json(before / ASKED_FILE)
    answers = read_answers(work, source.recipe)
    todo = [seed for key, seed in seeds.items() if asked.get(key) != source.recipe]
    usage = ask_all(source, todo, work, answers, is_answering=source.recipe in asked.values())
    done = {key: one for key, one in answers.items() if key in seeds and one.is_done(source.max_tries)}
    counts = _give(landing, _known(before), {key: done.get(key) for key in seeds}, source.recipe)
    landing.spare(_row_id(seed, number) for seed in seeds for number in range(1, MOST_PAIRS + 1))
    outcome = landing.write(None, max_gone_share)
    asked = {key: recipe for key, recipe in asked.items() if key in seeds}
    write_json(folder / ASKED_FILE, asked | dict.fromkeys(done, source.recipe))
    counts["unfit_answer"] = sum(not one.pairs for one in done.values())
    counts["not_reached"] = sum(seed.key not in done for seed in todo)
    return _told(outcome, counts, usage, cost_of(source, usage))


def _give(landing: Landing, known: Known, seeds: Mapping[str, Answered | None], recipe: str) -> Counter[str]:
    """Give the landing what stays, then what was answered; how many questions were there already."""
    taken, counts = set[bytes](), Counter[str]()
    for seed, rows in known.items():
        answer = seeds.get(seed)
        if seed in seeds and not (answer and answer.pairs):
            for row_id, key in rows:
                landing.there(row_id, is_deleted=False)
                taken.add(key)
    for seed, answer in seeds.items():
        for row in _rows(seed, answer, recipe) if answer else ():
            if (key := _key_of(row)) in taken:
                counts["repeated_question"] += 1
            else:
                taken.add(key)
                landing.add(row, is_deleted=False)
    return counts


def _known(before: Path | None) -> dict[str, list[tuple[str, bytes]]]:
    known: dict[str, list[tuple[str, bytes]]] = {}
    for piece in sorted(before.glob("*.parquet")) if before is not None else ():
        with piece.open("rb") as raw:
            for row in landed_rows(raw):
                known.setdefault(dict(row.metadata)[SEED], []).append((row.id or "", _key_of(row)))
    return known


def _rows(seed: str, answer: Answered, recipe: str) -> Iterator[Row]:
    told = (("synthetic", "true"), ("model", answer.model), (SEED, seed), (RECIPE, recipe))
    for number, (question, reply) in enumerate(answer.pairs, start=1):
        row_id = _row_id(seed, number)
        yield Row(row_id, f"pairs#{row_id}", f"{' '.join(question.split())}\n\n{reply}", metadata=told)


def _row_id(seed: str, number: int) -> str:
    return f"{seed}-{number}"


def _key_of(row: Row) -> bytes:
    return key_of((row.text or "").partition("\n\n")[0])


def _told(outcome: Outcome, counts: Mapping[str, int], usage: Usage, cost: float) -> Outcome:
    dropped = {**outcome.dropped, **{name: num for name, num in sorted(counts.items()) if num}}
    facts = {**outcome.facts, **vars(usage), **({"cost": round(cost, 4)} if cost else {})}
    return Outcome(outcome.rows_out + sum(dropped.values()), outcome.rows_out, dropped, outcome.file_rows, facts)
