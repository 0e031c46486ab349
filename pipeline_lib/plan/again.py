"""What an artifact was made by, from its manifest: what no plan of today names can be made again as it was."""

from pipeline_lib.register.stage import GATE, VERSION
from pipeline_lib.run.maker import Work
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import BY_WORD
from pipeline_lib.store.artifact import Manifest
from pipeline_lib.train.stage import TRAIN

LEFT_TO_NIGHTS = (TRAIN.name, VERSION.name, GATE.name)  # they do more than to fill a folder
OF_ITS_TIME = "gone"  # a parameter that says what was there when it was made


def made_again(settings: Settings, manifest: Manifest) -> Work | None:
    """The work of a manifest; None where today's settings or makers are others, or where a night has to do it."""
    stage = BY_WORD.get(manifest.ref.stage)
    maker = next((one for one in stage.makers if one.name == manifest.maker), None) if stage else None
    if stage is None or maker is None or maker.name in LEFT_TO_NIGHTS or OF_ITS_TIME in manifest.settings:
        return None
    own = settings.of(stage.settings).only({*maker.reads, *maker.sees})
    decisive = own.decisive(maker.reads)
    params = {name: value for name, value in manifest.settings.items() if name not in decisive}
    work = Work(maker, own, manifest.inputs, params, members=manifest.members, name=manifest.maker)
    return work if work.ref == manifest.ref else None
