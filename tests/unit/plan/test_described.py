"""One line a new batch says what brought it about."""

from pipeline_lib.ingest.packed import Placed
from pipeline_lib.ingest.plan import BatchPlan
from pipeline_lib.plan.batches import Opened, described
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Batch


def told(*, new: int = 0, changed: int = 0, gone: int = 0, read_anew: int = 0, landing: Ref | None = None) -> str:
    plan = BatchPlan("docs", "", "", (), Placed.read([]), tuple(f"{n}.txt" for n in range(gone)), {}, new, changed)
    return described(Opened(Batch(1, "docs", "b"), (), plan, is_new=True, landing=landing, num_read_anew=read_anew))


def test_what_is_new_changed_and_gone_is_counted() -> None:
    assert told(new=3, changed=1, gone=2) == "docs: 3 files new, 1 file changed, 2 files gone"
    assert told(gone=1) == "docs: 1 file gone"


def test_a_source_that_lands_has_pieces() -> None:
    assert told(new=3, landing=Ref("ingest", "l")) == "docs: 3 pieces new"


def test_files_that_only_other_settings_read_anew_are_no_changed_files() -> None:
    assert told(changed=5, read_anew=4).startswith(
        "docs: 1 file changed, 4 files as before, but read by other settings"
    )
    assert "changed" not in told(changed=4, read_anew=4)
