"""One question to an OpenAI-compatible endpoint: POST /chat/completions, and what comes back.

Too many requests, a server that fails and a silent one are asked again after growing pauses, or as long as
`Retry-After` says; then it is an `UpstreamError`. A key that is refused and a model that is not there are matters of
the settings. A question that is refused, for its length or what is in it, may be one of its seed alone. Neither prompt
nor answer nor key stands in any message or in its causes. Redirects are not followed: they take the key.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline_lib.base.errors import NightshiftError, SettingsError, UpstreamError
from pipeline_lib.base.secrets import secret_in
from pipeline_lib.ingest.records import MIB
from pipeline_lib.ingest.synthetic.budget import Usage, at_most

if TYPE_CHECKING:
    from pipeline_lib.ingest.sources.synthetic import SyntheticSource

MOST_BYTES = 8 * MIB  # of an answer
TRIES = 4
FIRST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 1.0, 60.0
AGAIN = {408, 409, 425, 429, 500, 502, 503, 504}
OF_THE_QUESTION = {400, 413, 422}  # or of the settings: who is asked does not say which


@dataclass(frozen=True)
class Answer:
    """What a model said."""

    text: str
    model: str
    usage: Usage


class Failed(Exception):
    """A request that may be sent again, after so many seconds where that is said."""

    def __init__(self, what: str, seconds: float | None = None) -> None:
        super().__init__(what)
        self.seconds = seconds


class RefusedQuestion(SettingsError):
    """The endpoint does not take what it is asked."""


def ask(source: "SyntheticSource", prompt: str) -> Answer:
    """Ask once, and again where that may help. Raises `UpstreamError` or `SettingsError`."""
    pause = FIRST_PAUSE_SECONDS
    for left in reversed(range(TRIES)):
        try:
            return _answer(source, prompt, _sent(source, prompt))
        except Failed as exc:
            if not left:
                raise _unanswered(source, str(exc)) from exc
            time.sleep(min(exc.seconds if exc.seconds is not None else pause, MOST_PAUSE_SECONDS))
            pause *= 2
    raise AssertionError("unreachable")


def _sent(source: "SyntheticSource", prompt: str) -> Any:
    """The JSON that is answered."""
    body = {
        "model": source.model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": source.temperature,
        "max_tokens": source.max_answer_tokens,
    }
    headers = {"Content-Type": "application/json", "Accept": "application/json", **_key(source)}
    request = urllib.request.Request(f"{source.endpoint}/chat/completions", json.dumps(body).encode(), headers)
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=source.timeout_seconds) as answer:
            return json.loads(answer.read(MOST_BYTES))
    except urllib.error.HTTPError as exc:
        with exc:
            raise _refused(source, exc) from exc
    except (OSError, http.client.HTTPException) as exc:
        raise Failed(type(exc).__name__) from exc
    except (ValueError, RecursionError):
        raise Failed("no JSON") from None  # whatever it quotes is none of a log's


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like others."""

    def redirect_request(self, *_given: Any) -> None:
        return None


def _key(source: "SyntheticSource") -> dict[str, str]:
    if source.key_variable is None:
        return {}
    if key := secret_in(source.key_variable, source.name):
        return {"Authorization": f"Bearer {key}"}
    raise SettingsError(
        f"ingest: source {source.name!r} needs its key in the environment variable {source.key_variable}, which is "
        "not set. Set it and run again."
    )


def _refused(source: "SyntheticSource", exc: urllib.error.HTTPError) -> NightshiftError | Failed:
    if exc.code in AGAIN:
        told = exc.headers.get("Retry-After", "")
        return Failed(f"status {exc.code}", float(told) if told.isascii() and told.isdigit() else None)
    what = f"ingest: the endpoint of source {source.name!r} refuses what it is asked (status {exc.code})."
    if exc.code in (401, 403):
        return SettingsError(f"{what} Put its key into an environment variable, and name that in key_variable.")
    if exc.code == 402:
        return SettingsError(f"{what} Its account is used up.")
    told = f"{what} Look at its endpoint (with /v1, as a rule), model and max_answer_tokens."
    if exc.code in OF_THE_QUESTION:
        return RefusedQuestion(f"{told} If it refuses the first seed alone, put another one before it.")
    return SettingsError(told)


def _answer(source: "SyntheticSource", prompt: str, told: Any) -> Answer:
    try:
        text, used = told["choices"][0]["message"]["content"], told.get("usage") or {}
        model = told.get("model") or source.model
    except (KeyError, IndexError, TypeError, AttributeError) as exc:
        raise Failed("another form of answer") from exc
    most = at_most(source, prompt)
    usage = Usage(1, _count(used, "prompt_tokens", most.tokens_in), _count(used, "completion_tokens", most.tokens_out))
    return Answer(text if isinstance(text, str) else "", model if isinstance(model, str) else source.model, usage)


def _count(used: Any, name: str, otherwise: int) -> int:
    value = used.get(name) if isinstance(used, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


def _unanswered(source: "SyntheticSource", what: str) -> UpstreamError:
    return UpstreamError(
        f"ingest: the endpoint of source {source.name!r} does not answer ({what}). Look whether it runs, then run "
        "again: what was answered is kept, and is not asked again."
    )
