"""Rounds in which eight processes move the champion at once, each as it likes: after each, all must agree.

    race(registry, num_rounds=3, seed=11)      registry: versions 1 to NUM_VERSIONS, one of them promoted

In each round each process promotes a version or rolls back, by a seed. Whoever moves does so alone, so the ledger is
one row of moves that might have been made one after the other; refusals (nothing to roll back to) are no moves.
"""

import multiprocessing
import random
import traceback
from datetime import UTC, datetime
from multiprocessing.connection import Connection

from pipeline_lib.base.errors import GateRefused
from pipeline_lib.register.ledger import moves_of
from pipeline_lib.register.promotion import promote, rollback
from pipeline_lib.register.registry import Registry
from tests.registered import assert_agree

NUM_PROCESSES = 8
NUM_VERSIONS = 4
ROUND_SECONDS = 300


def race(registry: Registry, *, num_rounds: int, seed: int) -> None:
    """Fails when after a round ledger, aliases and the chain of moves do not agree."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(NUM_PROCESSES)]
    ours = [here for here, _ in pipes]
    racers = [
        context.Process(target=_run, args=(registry, there, seed * NUM_PROCESSES + number), daemon=True)
        for number, (_, there) in enumerate(pipes)
    ]
    for racer in racers:
        racer.start()
    try:
        num_moves = len(moves_of(registry))
        for number in range(num_rounds):
            for pipe in ours:
                pipe.send("go")
            said = [pipe.recv() if pipe.poll(ROUND_SECONDS) else "nothing in time" for pipe in ours]
            assert set(said) <= {"moved", "refused"}, "\n".join(said)
            assert_agree(registry)
            num_moves += said.count("moved")
            assert len(moves_of(registry)) == num_moves, f"round {number} of seed {seed}"
    finally:
        for racer in racers:
            racer.terminate()
            racer.join()


def _run(registry: Registry, pipe: Connection, seed: int) -> None:
    choice = random.Random(seed)
    while pipe.recv():
        pipe.send(_once(registry, choice))


def _once(registry: Registry, choice: random.Random) -> str:
    now = datetime.now(UTC)
    try:
        if choice.random() < 0.5:
            rollback(registry, reason="", now=now)
        else:
            version = choice.randint(1, NUM_VERSIONS)
            promote(registry, version, expected_champion="anybody", reason="", now=now)
    except GateRefused:
        return "refused"
    except Exception:  # noqa: BLE001 - whatever it is, the round has failed, and says why
        return traceback.format_exc()
    return "moved"
