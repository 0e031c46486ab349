"""The readers of installed Python packages: docstrings of a module, and the README within a package's METADATA.

Modules are parsed (`ast`), never imported: nothing of a package runs.
"""

import ast
import email
import warnings
from collections.abc import Iterator

from pipeline_lib.ingest.charset import decode
from pipeline_lib.ingest.records import Bad, ReadOptions, Record, Unreadable
from pipeline_lib.ingest.streams import Stream, whole

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def read_docstrings(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """A record for each docstring that is long enough, named by its place in the module ("Class.method")."""
    tree = _parse(whole(stream.chunks(), options.max_document_bytes))
    for name, node in _documented(tree, ""):
        text = ast.get_docstring(node) or ""
        if len(text) >= options.min_docstring_chars:
            line = node.body[0].lineno
            yield Record(name or None, line, "text", text)


def read_description(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """The README that a package carries as the body of its METADATA (core metadata 2.1), if it has one."""
    message = email.message_from_string(decode(whole(stream.chunks(), options.max_document_bytes)).text)
    body = message.get_payload()
    if isinstance(body, str) and body.strip():
        is_markdown = message.get("Description-Content-Type", "").startswith("text/markdown")
        yield Record(None, None, "markdown" if is_markdown else "text", body)


def _parse(source: bytes) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in other people's code
            return ast.parse(source)  # bytes, so that the file's own coding line counts
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        raise Unreadable("invalid Python") from exc


def _documented(node: ast.AST, name: str) -> Iterator[tuple[str, Documented]]:
    """Module, classes and functions in the order of the file, each with its dotted name ("" for the module)."""
    if isinstance(node, Documented):
        yield name, node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _documented(child, f"{name}.{child.name}" if name else child.name)
        elif isinstance(child, ast.If | ast.Try | ast.With):  # what is defined under a condition
            yield from _documented(child, name)
