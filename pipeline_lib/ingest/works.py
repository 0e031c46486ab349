"""ingest's works: from settings, plans and references to what can be made. Nothing long is in them."""

from pipeline_lib.ingest.plan import BatchPlan, ShardPlan
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.stage import BATCH, LAND, PAST, PLAN, READ, SPLIT
from pipeline_lib.run.maker import Maker, Work
from pipeline_lib.store.artifact import Ref


def land(settings: IngestSettings, source: str, night: str, before: Ref | None = None) -> Work:
    """Ask `source`. What it answers is not known before: `night` names the asking, and in it there is one answer."""
    inputs = {} if before is None else {"before": before}
    return Work(LAND, _seen(settings, source, LAND), inputs, {"source": source, "night": night}, name=source)


def plan(settings: IngestSettings, plan: BatchPlan) -> Work:
    """The artifact of a plan that was kept (`stage.keep`)."""
    return named_plan(settings, plan.source, plan.content)


def named_plan(settings: IngestSettings, source: str, content: str) -> Work:
    """The same of a plan of which only the name is known."""
    return Work(PLAN, _seen(settings, source, PLAN), params={"content": content}, name="plan")


def shards(
    settings: IngestSettings, source: str, shard: ShardPlan, plan: Ref, landing: Ref | None = None
) -> tuple[Work, ...]:
    """What is read into a batch by one shard of a plan: that shard, or the parts of a large file."""
    if shard.num_parts == 1:
        return (read(settings, source, shard, plan, landing),)
    whole = split(settings, source, shard, plan, landing).ref
    seen = _seen(settings, source, READ)
    return tuple(
        Work(
            READ,
            seen,
            {"split": whole},
            {"content": shard.content, "part": part, "num_parts": shard.num_parts},
            name=f"shard {shard.index}, part {part}",
        )
        for part in range(shard.num_parts)
    )


def read(settings: IngestSettings, source: str, shard: ShardPlan, plan: Ref, landing: Ref | None = None) -> Work:
    """One shard of a plan. It is named by what is read into it alone: in another plan it is the same shard."""
    return _reading(READ, f"shard {shard.index}", settings, source, shard, plan, landing)


def split(settings: IngestSettings, source: str, shard: ShardPlan, plan: Ref, landing: Ref | None = None) -> Work:
    """The cells of a large file, of which its parts are made. It is named as a shard is."""
    return _reading(SPLIT, f"split of shard {shard.index}", settings, source, shard, plan, landing)


def _reading(
    maker: Maker, name: str, settings: IngestSettings, source: str, shard: ShardPlan, plan: Ref, landing: Ref | None
) -> Work:
    beside = {"plan": plan} if landing is None else {"plan": plan, "landing": landing}
    return Work(maker, _seen(settings, source, maker), params={"content": shard.content}, beside=beside, name=name)


def batch(settings: IngestSettings, source: str, plan: Ref, shards: Ref) -> Work:
    """The batch of a plan, from the list of its shards in the plan's order."""
    return Work(BATCH, _seen(settings, source, BATCH), {"plan": plan, "shards": shards}, name="batch")


def past(parts: tuple[Ref, ...]) -> Work:
    """One past for several batches of a source."""
    return Work(PAST, members=parts, name="past of several batches")


def _seen(settings: IngestSettings, source: str, maker: Maker) -> IngestSettings:
    """What a maker sees: of the sources, only its own (a hundred of them would not fit into a work)."""
    own = tuple(known for known in settings.sources if known.name == source) or settings.sources
    return settings.model_copy(update={"sources": own}).only(maker.reads)
