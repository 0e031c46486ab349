"""The works of clean on one batch: for each shard text, signals, terms and judgement, one after the other.

Where there are models, they come first, and each shard has scores by them. Where a pipeline of spaCy is named, each has
entities by it: they judge nothing, and are made where a judgement is.

Only the judgement reads the limits: a moved one reads columns, and no text. Which rules are on says which signals are
measured; a rule that asks for a group of them that is not there has the signals measured once more.
"""

from collections.abc import Mapping

from pipeline_lib.clean.entity_stage import entities_work
from pipeline_lib.clean.model_stage import model_works, scores_works
from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.clean.signal_groups import groups_asked
from pipeline_lib.clean.stage import GROUPS_ASKED, JUDGE, SIGNALS, TERMS, TEXT
from pipeline_lib.run.board import Board
from pipeline_lib.run.maker import Work, work_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref


def works(settings: Settings, board: Board) -> Board:
    """raw -> text, signals, terms, judged; and the lists of texts and judgements."""
    own = settings.of(CleanSettings)
    models = model_works(own)
    chains = [_shard(own, models, raw, number) for number, raw in enumerate(board.shards["raw"])]
    heads = tuple(models.values()) if chains else ()
    return board.with_chains("clean", chains, {"text": "texts", "judged": "judgements"}, heads=heads)


def _shard(settings: CleanSettings, models: Mapping[str, Work], raw: Ref, number: int) -> dict[str, Work]:
    extractor = settings.release_of_extractor() or None
    text = work_of(TEXT, settings, params=extractor, documents=raw, name=f"shard {number}: text")
    groups = groups_asked(settings.rules)
    params = ({GROUPS_ASKED: groups} if groups else {}) | settings.release_of_words()
    signals = work_of(SIGNALS, settings, params=params or None, text=text.ref, name=f"shard {number}: signals")
    terms = work_of(TERMS, settings, text=text.ref, signals=signals.ref, name=f"shard {number}: terms")
    scores = scores_works(models, text.ref, number)
    entities = entities_work(settings, text.ref, signals.ref, number)
    read = {"text": text, "signals": signals, "terms": terms, **scores}
    refs, beside = ({name: work.ref for name, work in works.items()} for works in (read, entities))
    judged = Work(JUDGE, settings.only(JUDGE.reads), refs, beside=beside, name=f"shard {number}: judgement")
    return {**read, **entities, "judged": judged}
