"""The checks of the gate, in the order in which a report shows them: one line each."""

from collections.abc import Callable, Sequence

from pipeline_lib.register.check import Case, Check
from pipeline_lib.register.checks.believable import is_believable
from pipeline_lib.register.checks.champion import better_than_champion
from pipeline_lib.register.checks.documents import enough_documents
from pipeline_lib.register.checks.slices import no_slice_falls
from pipeline_lib.register.checks.start import beats_start
from pipeline_lib.register.checks.unigram import beats_unigram
from pipeline_lib.register.checks.variants import variants_lose_little

CHECKS: tuple[Callable[[Case], Sequence[Check]], ...] = (
    enough_documents,
    beats_unigram,
    beats_start,
    better_than_champion,
    no_slice_falls,
    variants_lose_little,
    is_believable,
)
