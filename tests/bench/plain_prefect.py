"""`python -m tests.bench.plain_prefect`: what Prefect alone takes for a night's tasks, each of them empty.

A flow of 13 tasks, as many as a night of the demo has; nothing is read, planned, verified
or shown. By Prefect's settings in the environment: against a running server, or one that Prefect starts by itself.
"""

from prefect import flow, task

NUM_TASKS = 13


@task
def nothing(number: int) -> int:
    """An empty task."""
    return number


@flow
def night() -> None:
    """Empty tasks, one after the other."""
    for number in range(NUM_TASKS):
        nothing(number)


if __name__ == "__main__":
    night()
