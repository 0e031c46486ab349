"""The gate's report as a page for people."""

from collections.abc import Iterator, Sequence

from pipeline_lib.register.check import Check, shown
from pipeline_lib.register.compare import Gain, Loss
from pipeline_lib.register.table import Row

TOO_SMALL = "too small to tell"


def page(
    reason: str, checks: Sequence[Check], gains: Sequence[Gain], losses: Sequence[Loss], rows: Sequence[Row]
) -> str:
    """The report as Markdown: the outcome, how much it can tell, the checks, the slices, the table."""
    lines = [f"**Gate: {reason}**", "", *_told(gains, losses)]
    lines += ["| check | value | | limit | passed | meaning |", "|-|-|-|-|-|-|"]
    lines += [
        f"| {check.name} | {shown(check.value)} | {check.relation} | {shown(check.limit)} "
        f"| {'yes' if check.is_passed else '**no**'} | {check.meaning} |"
        for check in checks
    ]
    if losses:
        heads = "slice | documents | against | worse by | surely by | smallest that could be told"
        lines += ["", f"| benchmark | {heads} | |", "|-|-|-|-|-|-|-|-|"]
        lines += [_loss(loss) for loss in losses]
    lines += ["", "| benchmark | documents | number | candidate | bits per byte |", "|-|-|-|-|-|"]
    lines += [_row(row) for row in sorted(rows, key=lambda row: (row.benchmark, row.documents))]
    return "\n".join(lines) + "\n"


def _told(gains: Sequence[Gain], losses: Sequence[Loss]) -> Iterator[str]:
    """What these sets can tell, in words."""
    for gain in gains:
        yield (
            f"{gain.benchmark}: {gain.num_documents} documents in {gain.num_blocks} blocks. A true gain of "
            f"{gain.detectable:.2%} would be told in 4 of 5 nights; a model that is no better passes in "
            f"{gain.alpha:.1%} of them."
        )
        yield ""
    small = sorted({f"{loss.documents} on {loss.benchmark}" for loss in losses if loss.judged == TOO_SMALL})
    if small:
        yield f"Too small to tell twice what a slice may lose: {', '.join(small)}."
        yield ""


def _loss(loss: Loss) -> str:
    figures = (f"{share:+.2%}" if share is not None else "-" for share in (loss.share, loss.at_least, loss.detectable))
    judged = f"**{loss.judged}**" if loss.judged == "falls" else loss.judged
    cells = (loss.benchmark, loss.documents, str(loss.num_documents), loss.against, *figures, judged)
    return f"| {' | '.join(cells)} |"


def _row(row: Row) -> str:
    cells = (row.benchmark, row.documents, str(row.num_documents), row.candidate, shown(row.bits_per_byte))
    return f"| {' | '.join(cells)} |"
