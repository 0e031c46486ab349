"""One line a new batch says what brought it about."""

from pipeline_lib.ingest.plan import BatchPlan
from pipeline_lib.plan.batches import described


def plan(*, new: int = 0, changed: int = 0, gone: int = 0) -> BatchPlan:
    return BatchPlan("docs", "", "", (), (), tuple(f"{n}.txt" for n in range(gone)), {}, new, changed)


def test_what_is_new_changed_and_gone_is_counted() -> None:
    assert described(plan(new=3, changed=1, gone=2), 0) == "docs: 3 files new, 1 files changed, 2 files gone"
    assert described(plan(gone=1), 0) == "docs: 1 files gone"


def test_files_that_only_other_settings_read_anew_are_no_changed_files() -> None:
    assert described(plan(changed=5), 4).startswith(
        "docs: 1 files changed, 4 files as before, but read by other settings"
    )
    assert "changed" not in described(plan(changed=4), 4)
