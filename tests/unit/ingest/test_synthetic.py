"""Questions and answers of a model as a source: asked once, within a budget, in the right form, and marked."""

import json
import shutil
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline_lib.base.errors import GuardStop, SettingsError, UpstreamError
from pipeline_lib.ingest.places import keep_places, places_path
from pipeline_lib.ingest.sources.synthetic import SyntheticSource
from pipeline_lib.ingest.synthetic import endpoint
from pipeline_lib.ingest.synthetic.pairs import key_of, pairs_of
from tests.chat_site import ChatSite, pairs


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatSite]:
    monkeypatch.setattr(endpoint, "FIRST_PAUSE_SECONDS", 0.01)
    with ChatSite() as site:
        yield site


@pytest.fixture
def asked(house: Any, chat: ChatSite) -> Any:
    """A workspace whose source asks about the lines of a file."""
    seeds(house, "Foxes", "Owls", "Bees")
    house.other = source(house, chat)
    return house


def seeds(house: Any, *lines: str) -> Path:
    path: Path = house.root / "seeds.txt"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def source(house: Any, chat: ChatSite, **fields: Any) -> SyntheticSource:
    told = {
        "name": "docs",
        "endpoint": chat.url,
        "model": "tiny",
        "seeds": house.root / "seeds.txt",
        "prompt": "{seed} it is",
    }
    return SyntheticSource.model_validate({**told, **fields})


def land(house: Any) -> Any:
    """A night: where the rows lie is kept, and what lay beside the landing is cleared away, as the engine does."""
    outcome = house.land()
    keep_places(house.loose.folders[house.landing], places_path(house.root, "docs"))
    shutil.rmtree(house.root / "work" / "landings", ignore_errors=True)
    return outcome


def night(house: Any) -> Any:
    land(house)
    return house.night()


def test_every_pair_is_a_document_that_says_what_it_is(asked: Any) -> None:
    rows = asked.rows(night(asked))
    assert sorted(row["text"] for row in rows) == [
        f"What is {name}?\n\nIt is a thing." for name in ("Bees", "Foxes", "Owls")
    ]
    assert all(dict(row["metadata"]) == {"synthetic": "true", "model": "tiny-1"} for row in rows)


def test_what_was_answered_is_not_asked_again(asked: Any, chat: ChatSite) -> None:
    night(asked)
    chat.log.clear()
    land(asked)
    assert (chat.log, asked.scan()) == ([], None)


def test_a_new_seed_is_asked_and_one_that_is_gone_takes_its_rows_along(asked: Any, chat: ChatSite) -> None:
    night(asked)
    chat.log.clear()
    seeds(asked, "Foxes", "Owls", "Ants")
    plan = night(asked)
    assert len(chat.log) == 1
    assert list(asked.texts(plan).values()) == ["What is Ants?\n\nIt is a thing."]
    assert len(list(plan.tombstones)) == 1


def test_another_prompt_or_model_asks_again_within_the_budget_and_keeps_the_rest(asked: Any, chat: ChatSite) -> None:
    night(asked)
    chat.says = lambda prompt: pairs((f"Why {prompt.split()[0]}?", "So it is."))
    asked.other = source(asked, chat, model="other", max_requests=1, max_connections=1)
    outcome = land(asked)
    assert (outcome.dropped["not_reached"], outcome.facts["num_changed"], outcome.rows_out) == (2, 1, 3)


@pytest.mark.parametrize(
    ("fields", "num_asked"),
    [
        ({"max_requests": 2}, 2),
        ({"max_tokens": 1300, "max_answer_tokens": 1000}, 2),  # 150 are used by each, and 1,000 have to be left
        ({"max_cost": 0.0012, "price_in": 1, "price_out": 1, "max_answer_tokens": 1000}, 1),
        ({"max_tokens": 10}, 0),
    ],
)
def test_a_night_asks_no_more_than_its_budget(
    asked: Any, chat: ChatSite, fields: dict[str, Any], num_asked: int
) -> None:
    asked.other = source(asked, chat, max_connections=1, **fields)
    outcome = land(asked)
    assert len(chat.log) == num_asked
    assert outcome.dropped["not_reached"] == 3 - num_asked
    assert outcome.facts["num_requests"] == num_asked


def test_a_budget_holds_with_many_connections(asked: Any, chat: ChatSite) -> None:
    seeds(asked, *(f"Seed{number}" for number in range(40)))
    asked.other = source(asked, chat, max_connections=16, max_requests=10)
    land(asked)
    assert len(chat.log) == 10


def test_an_endpoint_that_counts_nothing_is_counted_by_its_worst(asked: Any, chat: ChatSite) -> None:
    chat.usage = None
    asked.other = source(asked, chat, max_connections=1, max_answer_tokens=1000, max_tokens=2500)
    outcome = land(asked)
    assert (len(chat.log), outcome.facts["tokens_out"]) == (2, 2000)


def test_an_answer_of_another_form_is_asked_for_again_and_then_left_out_for_good(asked: Any, chat: ChatSite) -> None:
    chat.says = lambda prompt: "I cannot." if prompt.startswith("Owls") else pairs((f"{prompt[:5]}?", "Yes."))
    asked.other = source(asked, chat, max_tries=2)
    outcome = land(asked)
    assert (outcome.rows_out, outcome.dropped, len(chat.log)) == (2, {"unfit_answer": 1}, 4)
    asked.night()
    chat.log.clear()
    land(asked)
    assert chat.log == []


def test_an_answer_that_is_right_the_second_time_counts(asked: Any, chat: ChatSite) -> None:
    said = iter(["no", pairs(("Why?", "So it is."))])
    seeds(asked, "Foxes")
    chat.says = lambda _prompt: next(said)
    outcome = land(asked)
    assert (outcome.rows_out, outcome.facts["num_requests"]) == (1, 2)


def test_a_question_that_is_there_is_not_taken_twice(asked: Any, chat: ChatSite) -> None:
    chat.says = lambda prompt: pairs(("What is it?", prompt[:5]), (f"What is {prompt[:4]}?", "A thing."))
    outcome = land(asked)
    assert (outcome.rows_out, outcome.dropped) == (4, {"repeated_question": 2})
    asked.night()
    seeds(asked, "Foxes", "Owls", "Bees", "Ants")
    chat.says = lambda _prompt: pairs(("WHAT is  it ?", "Again."))
    chat.log.clear()
    assert land(asked).dropped == {"repeated_question": 1}
    land(asked)
    assert len(chat.log) == 1  # and not asked again for having given nothing


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_a_busy_endpoint_is_asked_again(asked: Any, chat: ChatSite, status: int) -> None:
    chat.faults = [status, status]
    assert land(asked).rows_out == 3


def test_an_endpoint_that_stays_busy_may_recover_and_nothing_is_paid_twice(asked: Any, chat: ChatSite) -> None:
    asked.other = source(asked, chat, max_connections=1)
    said = chat.says
    chat.says = lambda prompt: _failing(chat, said, prompt)
    with pytest.raises(UpstreamError, match=r"does not answer \(status 503\)"):
        asked.land()
    num_answered = len(chat.log) - endpoint.TRIES
    chat.faults, chat.says = [], said
    chat.log.clear()
    outcome = land(asked)
    assert (num_answered, len(chat.log), outcome.rows_out, outcome.facts["num_requests"]) == (1, 2, 3, 3)


def _failing(chat: ChatSite, said: Any, prompt: str) -> str:
    """From the first answer on the endpoint is busy."""
    chat.faults = [503] * 20
    return str(said(prompt))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "name that in key_variable"),
        (403, "name that in key_variable"),
        (402, "account is used up"),
        (404, "endpoint .*model"),
        (400, "max_answer_tokens"),
    ],
)
def test_what_the_settings_have_to_mend_is_not_asked_again(
    asked: Any, chat: ChatSite, status: int, message: str
) -> None:
    asked.other = source(asked, chat, max_connections=1)
    chat.faults = [status]
    with pytest.raises(SettingsError, match=message) as refused:
        asked.land()
    assert len(chat.log) == 1 and "the prompt" not in str(refused.value) and "Foxes" not in str(refused.value)


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("max_connections", [1, 4])
def test_a_seed_that_alone_is_refused_costs_itself(
    asked: Any, chat: ChatSite, status: int, max_connections: int
) -> None:
    chat.refuses = {"Bees": status}
    asked.other = source(asked, chat, max_connections=max_connections, max_tries=2)
    outcome = land(asked)
    assert (outcome.rows_out, outcome.dropped, outcome.facts["num_requests"]) == (2, {"unfit_answer": 1}, 4)
    chat.log.clear()
    seeds(asked, "Foxes", "Owls", "Bees", "Ants")
    chat.refuses = {"Ants": status}
    assert land(asked).dropped == {"unfit_answer": 1}  # others were answered the night before
    assert len(chat.log) == 2


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_refuses_each_seed_is_a_matter_of_the_settings(asked: Any, chat: ChatSite, status: int) -> None:
    chat.refuses = dict.fromkeys(("Foxes", "Owls", "Bees"), status)
    for _ in range(2):
        with pytest.raises(SettingsError, match="put another one before it") as refused:
            asked.land()
        assert "Foxes" not in str(refused.value)
    seeds(asked, "Ants", "Foxes", "Owls", "Bees")
    asked.other = source(asked, chat, max_connections=1)
    assert (land(asked).rows_out, land(asked).rows_out) == (1, 1)


def test_another_model_that_refuses_all_takes_no_seed_along(asked: Any, chat: ChatSite) -> None:
    land(asked)
    asked.other = source(asked, chat, model="other")
    chat.refuses = dict.fromkeys(("Foxes", "Owls", "Bees"), 400)
    with pytest.raises(SettingsError, match="status 400"):
        asked.land()


def test_a_landing_that_is_lost_is_asked_for_again_a_budget_a_night(asked: Any, chat: ChatSite) -> None:
    names = [f"Seed{number}" for number in range(10)]
    seeds(asked, *names)
    land(asked)
    asked.landing, asked.settings = None, {"max_gone_share": 0.5}
    asked.other = source(asked, chat, max_requests=3)
    chat.log.clear()
    outcomes = [land(asked) for _ in range(4)]
    assert [(one.rows_out, one.dropped.get("not_reached", 0)) for one in outcomes] == [(3, 7), (6, 4), (9, 1), (10, 0)]
    assert len(chat.log) == 10


def test_fewer_pairs_after_a_lost_landing_stop_no_night(asked: Any, chat: ChatSite) -> None:
    chat.says = lambda prompt: pairs(*((f"{prompt[:4]} {number}?", "Yes.") for number in range(3)))
    assert land(asked).rows_out == 9
    asked.landing, asked.settings = None, {"max_gone_share": 0.1}
    chat.says = lambda prompt: pairs((f"{prompt[:4]} 0?", "Yes."))
    assert land(asked).rows_out == 3


def test_rows_of_seeds_that_left_with_a_lost_landing_are_gone(asked: Any, chat: ChatSite) -> None:
    seeds(asked, *(f"Seed{number}" for number in range(10)))
    land(asked)
    asked.landing, asked.settings = None, {"max_gone_share": 0.5}
    asked.other = source(asked, chat, max_requests=3)
    seeds(asked, "Seed0", "Seed1")
    with pytest.raises(GuardStop, match="8 of the 10 rows"):
        asked.land()
    seeds(asked, *(f"Seed{number}" for number in range(10)))
    assert land(asked).rows_out == 3


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x1c", "\x0b", "\r", "\n"])
def test_an_answer_with_any_end_of_a_line_survives_a_kill(asked: Any, chat: ChatSite, sign: str) -> None:
    asked.other = source(asked, chat, max_connections=1)
    chat.says = lambda prompt: _failing(chat, lambda _: pairs((f"What is {prompt[:4]}?", f"a{sign}b")), prompt)
    with pytest.raises(UpstreamError):
        asked.land()
    chat.faults, chat.says = [], lambda prompt: pairs((f"What is {prompt[:4]}?", "It is."))
    chat.log.clear()
    assert (land(asked).rows_out, len(chat.log)) == (3, 2)


@pytest.mark.parametrize("written", ["s3cret\n", " s3cret\r\n"])
def test_a_key_may_come_with_the_line_end_of_its_file(
    asked: Any, chat: ChatSite, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("OUR_KEY", written)
    asked.other = source(asked, chat, key_variable="OUR_KEY")
    land(asked)
    assert set(chat.keys) == {"Bearer s3cret"}


@pytest.mark.parametrize(
    "written", ["s3cret\nmore", "s3cret\u2028more", "s3crét", "s3 cret", "s3cret\x7fmore", "s3cret’"]
)
def test_what_is_no_key_is_said_and_shown_nowhere(
    asked: Any, chat: ChatSite, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("OUR_KEY", written)
    asked.other = source(asked, chat, key_variable="OUR_KEY")
    with pytest.raises(SettingsError, match=r"the environment variable OUR_KEY holds .* is no key") as refused:
        asked.land()
    assert "s3c" not in "".join(traceback.format_exception(refused.value)) and chat.log == []


def test_a_redirect_is_not_followed_with_the_key(asked: Any, chat: ChatSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_KEY", "s3cret")
    with ChatSite() as elsewhere:
        chat.faults, chat.location = [302], elsewhere.url
        asked.other = source(asked, chat, key_variable="OUR_KEY", max_connections=1)
        with pytest.raises(SettingsError, match="status 302"):
            asked.land()
        assert elsewhere.keys == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"choices": []}', b"[]", b"[" * 100_000])
def test_what_is_no_answer_may_recover(asked: Any, chat: ChatSite, body: bytes) -> None:
    chat.body = body
    with pytest.raises(UpstreamError, match="does not answer"):
        asked.land()


def test_an_endpoint_that_is_down_or_silent_may_recover(asked: Any, chat: ChatSite) -> None:
    asked.other = source(asked, chat, endpoint="http://127.0.0.1:9/v1")
    with pytest.raises(UpstreamError, match="does not answer"):
        asked.land()
    chat.pause_seconds = 0.5
    asked.other = source(asked, chat, timeout_seconds=0.05)
    with pytest.raises(UpstreamError, match="does not answer"):
        asked.land()


def test_a_key_comes_from_its_variable(asked: Any, chat: ChatSite, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.other = source(asked, chat, key_variable="OUR_KEY")
    with pytest.raises(SettingsError, match="in the environment variable OUR_KEY, which is not set"):
        asked.land()
    monkeypatch.setenv("OUR_KEY", "s3cret")
    land(asked)
    assert set(chat.keys) == {"Bearer s3cret"}


def test_seeds_may_be_objects_with_fields(asked: Any, chat: ChatSite) -> None:
    path = asked.root / "seeds.jsonl"
    path.write_text('{"title": "夜", "meta": {"about": "dark"}}\n\n{"title": "日", "meta": {"about": "light"}}\n')
    asked.other = source(asked, chat, seeds=path, prompt="{title}: {meta.about}", num_pairs=2)
    land(asked)
    first = sorted(one["messages"][0]["content"] for one in chat.log)[0]
    assert first.startswith("夜: dark\n\nAnswer with JSON alone") and "at most 2 pairs" in first


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("seeds.jsonl", b'{"title": "a"}\n[1]\n', "line 2 of the seeds .* is no object"),
        ("seeds.jsonl", b'{"name": "a"}\n', "line 1 of the seeds .* has no 'title'"),
        ("seeds.txt", b"\xff\xfe", "cannot be read"),
        ("none.txt", None, "cannot be read"),
    ],
)
def test_seeds_that_cannot_be_asked_about_are_said_by_line(
    asked: Any, chat: ChatSite, name: str, content: bytes | None, message: str
) -> None:
    path = asked.root / name
    if content is not None:
        path.write_bytes(content)
    asked.other = source(asked, chat, seeds=path, prompt="{title}" if name.endswith("l") else "{seed}")
    with pytest.raises(SettingsError, match=message):
        asked.land()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"endpoint": "https://user:s3cret@host/v1"}, "name its variable in key_variable"),
        ({"endpoint": "https://host/v1?api_key=s3cret"}, "name its variable in key_variable"),
        ({"endpoint": "host/v1"}, "Write https://host/v1"),
        ({"prompt": "no field"}, "Write names of fields in brackets"),
        ({"max_cost": 1.0}, "max_cost needs price_in and price_out"),
    ],
)
def test_settings_that_cannot_be_honoured_are_refused(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    told = {"name": "docs", "endpoint": "https://host/v1", "model": "m", "seeds": tmp_path, "prompt": "{seed}"}
    with pytest.raises(ValidationError, match=message):
        SyntheticSource.model_validate({**told, **fields})


@pytest.mark.parametrize(
    "answer",
    [
        pairs(("Why?", "So it is.")),
        "```json\n" + pairs(("Why?", "So it is.")) + "\n```",
        "Here you are: " + pairs(("Why?", "So it is.")) + " Anything else?",
        json.dumps({"pairs": [{"question": " Why? ", "answer": "So it is.\n"}]}, indent=2),
    ],
)
def test_an_answer_of_the_form_is_taken_with_words_around_it(answer: str) -> None:
    assert [(pair.question, pair.answer) for pair in pairs_of(answer, 3)] == [("Why?", "So it is.")]


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no",
        "{}",
        '{"pairs": []}',
        '{"pairs": [{"question": "Why?"}]}',
        '{"pairs": [{"question": "Why?", "answer": 3}]}',
        '{"pairs": [{"question": "Why?", "answer": ""}]}',
        '{"pairs": [{"question": "Why?", "answer": "So.", "more": 1}]}',
        '{"pairs": [{"question": "Why?", "answer": "a\\u0000b"}]}',
        '{"pairs": [{"question": "Why?", "answer": "' + "x" * 30_000 + '"}]}',
        pairs(("Why?", "So it is."))[:-3],
        "{" * 100_000,
    ],
)
def test_an_answer_of_another_form_is_none(answer: str) -> None:
    assert pairs_of(answer, 3) == []


def test_no_more_pairs_are_taken_than_are_asked_for() -> None:
    assert len(pairs_of(pairs(*((f"Why {number}?", "So.") for number in range(9))), 4)) == 4


def test_questions_are_the_same_whatever_their_case_width_and_signs() -> None:
    assert key_of("What is  it?") == key_of("WHAT IS IT ？") == key_of("Ｗhat is it")
    assert key_of("什么是夜？") == key_of("什么是夜") != key_of("什么是日？")
