"""The works of quantize: a variant of a model for each scheme that the settings name."""

from pipeline_lib.quantize.settings import QuantizeSettings
from pipeline_lib.quantize.stage import VARIANT
from pipeline_lib.run.maker import Work, work_of
from pipeline_lib.settings.tree import Settings
from pipeline_lib.store.artifact import Ref


def variant_works(settings: Settings, model: Ref, benchmark: Ref) -> dict[str, tuple[Work, str]]:
    """By the name of each scheme its work, and the backend that runs what it makes."""
    own = settings.of(QuantizeSettings)
    return {
        scheme.kind: (
            work_of(
                VARIANT,
                own,
                params={"scheme": {"kind": scheme.kind, **scheme.decisive()}},
                name=scheme.kind,
                model=model,
                benchmark=benchmark,
            ),
            scheme.backend,
        )
        for scheme in own.schemes
    }
