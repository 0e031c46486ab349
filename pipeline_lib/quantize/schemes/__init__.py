"""The schemes there are."""

from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny, WithJsonSchema

from pipeline_lib.quantize.scheme import Scheme
from pipeline_lib.quantize.schemes.onnx_dynamic import OnnxDynamic

SCHEMES: tuple[type[Scheme], ...] = (
    OnnxDynamic,  # ONNX Runtime, CPU
)
DEFAULT: tuple[Scheme, ...] = (OnnxDynamic(),)


def kind_of(scheme: type[Scheme]) -> str:
    """The versioned name of a scheme."""
    return str(scheme.model_fields["kind"].default)


def scheme_of(given: Any) -> Scheme:
    """A scheme by its name, or by its name and options (`{"kind": ..., ...}`). Raises `ValueError` for another."""
    if isinstance(given, Scheme):
        return given
    options = {"kind": given} if isinstance(given, str) else given
    known = {kind_of(scheme): scheme for scheme in SCHEMES}
    if not isinstance(options, dict) or options.get("kind") not in known:
        raise ValueError(f"is no scheme; those there are: {', '.join(known)}")
    return known[options["kind"]].model_validate(options)


# In a form (a flow's parameters) it is a name, or an object whose fields depend on its kind.
SHOWN = {"anyOf": [{"type": "string"}, {"type": "object", "required": ["kind"]}], "title": "Scheme"}
AnyScheme = Annotated[SerializeAsAny[Scheme], BeforeValidator(scheme_of), WithJsonSchema(SHOWN)]
