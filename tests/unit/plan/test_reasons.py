"""Why plan says that work is reused or done: the true cause, however far from it the work is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline_lib.clean.settings import CleanSettings
from pipeline_lib.plan.last import remember
from pipeline_lib.plan.reasons import Line, changes, explain
from pipeline_lib.run.execute import execute
from pipeline_lib.run.inputs import Inputs
from pipeline_lib.run.lists import list_works
from pipeline_lib.run.maker import Maker, Work, work_of
from pipeline_lib.run.step import Step
from pipeline_lib.scrub.settings import ScrubSettings
from pipeline_lib.store.artifact import Outcome, Ref
from pipeline_lib.store.workspace import Workspace

MOVED: dict[str, Any] = {"rules": {"min_words.v1": {"at_least": 40}}}  # 50 by default
BY_RULES = "clean.judge: rules.min_words.v1.at_least 50 -> 40"


def make(_settings: Any, _inputs: Inputs, folder: Path) -> Outcome:
    (folder / "data.txt").write_text("made")
    return Outcome(1, 1)


TEXT = Maker("clean.text", 1, "documents.v2", make)
JUDGE = Maker("clean.judge", 1, "ledger.v1", make, reads=("languages", "rules", "entity_rules"))
DECIDE = Maker("dedup.decide", 1, "decisions.v1", make)
SCRUB = Maker("scrub.text", 1, "documents.v2", make, reads=("cn_id",))


@dataclass(frozen=True)
class Night:
    """A batch of some shards through clean, dedup and scrub, as they are laid out: all that decides may be moved."""

    raw: tuple[str, ...] = ("a", "b")
    clean: Mapping[str, Any] = field(default_factory=dict)  # settings
    scrub: Mapping[str, Any] = field(default_factory=dict)
    key_id: str = "1f0c"
    text: Maker = TEXT
    scrubs: Maker = SCRUB

    @property
    def steps(self) -> tuple[Step, ...]:
        texts = [
            Work(self.text, inputs={"raw": Ref("ingest", name)}, name=f"shard {n}") for n, name in enumerate(self.raw)
        ]
        judged = [work_of(JUDGE, CleanSettings(**self.clean), text=text.ref, name="judgement") for text in texts]
        lists = list_works("clean", [work.ref for work in judged], name="judgements")
        clean = Step("clean", "0001-docs", tuple(zip(texts, judged, strict=True)), lists, lists[-1])
        decided = Work(DECIDE, inputs={"judged": lists[-1].ref}, name="decisions")
        dedup = Step("dedup", "0001-docs", (), (decided,), decided)
        own = ScrubSettings(**self.scrub)
        scrubs = [
            work_of(self.scrubs, own, params={"part": n, "key_id": self.key_id}, text=text.ref, decided=decided.ref)
            for n, text in enumerate(texts)
        ]
        lists = list_works("scrub", [work.ref for work in scrubs], name="scrubs")
        return clean, dedup, Step("scrub", "0001-docs", tuple((work,) for work in scrubs), lists, lists[-1])


@dataclass(frozen=True)
class House:
    """A workspace in which such nights are done and planned."""

    workspace: Workspace

    def do(self, night: Night, num_steps: int = 3) -> None:
        for step in night.steps[:num_steps]:
            for work in step.works:
                execute(work, self.workspace.root)
            self.remember(step)

    def remember(self, step: Step) -> None:
        remember(self.workspace, step)

    def lines(self, night: Night, todo: Callable[[Work], bool] = lambda _: True) -> dict[str, Line]:
        """The lines of a plan by place: "clean 0" is the first work of clean. Everything is wanted, unless said."""
        steps = [replace(s, todo=frozenset(w.ref for w in s.works if todo(w))) for s in night.steps]
        return lines_of(steps, self.workspace)

    def delete(self, work: Work) -> None:
        for path in sorted(self.workspace.store.path(work.maker.stage, work.fingerprint).iterdir()):
            path.unlink()


def lines_of(steps: Sequence[Step], workspace: Workspace) -> dict[str, Line]:
    graph = {work.ref: work for step in steps for work in step.works}
    explained = explain(steps, graph, workspace)
    return {f"{step.stage} {number}": line for step, lines in explained for number, line in enumerate(lines)}


def reasons(lines: Mapping[str, Line], action: str = "work") -> dict[str, str]:
    return {place: line.reason for place, line in lines.items() if line.action == action}


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A workspace in which the night was done once."""
    made = House(Workspace(tmp_path))
    made.do(Night())
    return made


def test_what_is_there_is_reused(house: House) -> None:
    lines = house.lines(Night())
    assert {(line.action, line.reason) for line in lines.values()} == {("reuse", "nothing changed")}
    assert len(lines) == 5 + 1 + 3


def test_only_what_was_made_once_can_be_deleted(tmp_path: Path) -> None:
    """What is told beside a version is not made where the version is there already: made then, it is new."""
    workspace = Workspace(tmp_path)
    funnel = Work(TEXT, inputs={"sums": Ref("ingest", "a")}, name="funnel")
    version = Work(DECIDE, inputs={"model": Ref("train", "m")}, beside={"funnel": funnel.ref}, name="version")
    step = Step("register", "challenger", (), (funnel, version), version)
    execute(version, workspace.root)
    for _ in range(2):
        remember(workspace, step)
        wanted = replace(step, todo=frozenset({funnel.ref}))
        assert lines_of([wanted], workspace)["register 0"].reason == "new"
    execute(funnel, workspace.root)
    remember(workspace, step)
    House(workspace).delete(funnel)
    for _ in range(2):
        assert lines_of([wanted], workspace)["register 0"].reason == "deleted"
        remember(workspace, step)


def test_in_a_new_workspace_all_is_new(tmp_path: Path) -> None:
    assert set(reasons(House(Workspace(tmp_path)).lines(Night())).values()) == {"new"}


def test_a_moved_limit_is_named_with_both_values_all_the_way_down(house: House) -> None:
    found = reasons(house.lines(Night(clean=MOVED)))
    own = BY_RULES.removeprefix("clean.judge: ")
    assert found == {
        "clean 1": own,
        "clean 3": own,
        "clean 4": BY_RULES,  # the list of judgements
        "dedup 0": BY_RULES,
        "scrub 0": BY_RULES,
        "scrub 1": BY_RULES,
        "scrub 2": BY_RULES,
    }


def test_a_raised_version_is_named_with_its_maker(house: House) -> None:
    found = reasons(house.lines(Night(text=replace(TEXT, version=2))))
    own = "version 1 -> 2 (this release)"
    assert [found.pop("clean 0"), found.pop("clean 2")] == [own, own]
    assert set(found.values()) == {f"clean.text: {own}"}


def test_a_raised_version_comes_before_what_else_changed(house: House) -> None:
    found = reasons(house.lines(Night(scrubs=replace(SCRUB, version=2), scrub={"cn_id": "drop"}, clean=MOVED)))
    assert found["scrub 0"] == "version 1 -> 2 (this release)"


def test_its_own_settings_come_before_those_of_what_it_is_made_of(house: House) -> None:
    assert reasons(house.lines(Night(scrub={"cn_id": "drop"}, clean=MOVED)))["scrub 0"] == "cn_id pseudonym -> drop"


def test_a_setting_that_was_not_there_or_is_not_any_more_was_or_is_off(house: House) -> None:
    off = Night(clean={"rules": {"min_words.v1": "off"}})
    assert reasons(house.lines(off))["clean 1"] == "rules.min_words.v1 {'at_least': 50} -> off"
    house.do(off)
    assert reasons(house.lines(Night(clean=MOVED)))["clean 1"] == "rules.min_words.v1 off -> {'at_least': 40}"


def test_a_value_that_looks_like_a_reason_is_told_with_its_maker_all_the_same(house: House) -> None:
    """A list of terms is shown as {'label': ...}."""
    house.do(Night(clean={"entity_rules": []}))
    found = reasons(house.lines(Night(clean={"entity_rules": [{"label": "X", "terms": ["ab"]}]})))
    assert found["clean 1"] == "entity_rules off -> [{'label': 'X', 'terms': ['ab']}]"
    assert found["dedup 0"] == "clean.judge: entity_rules off -> [{'label': 'X', 'terms': ['ab']}]"


def test_a_limit_that_is_set_back_is_named_where_its_own_judgements_are_still_there(house: House) -> None:
    """The judgements of the old limit are whole, what follows from them was deleted."""
    house.do(Night(clean=MOVED))
    old = Night()
    decided = old.steps[1].whole
    house.delete(decided)
    lines = house.lines(old, todo=lambda work: work.maker in (DECIDE, SCRUB) or "scrub" in work.maker.name)
    assert lines["clean 1"].action == "reuse"
    assert reasons(lines) == {"dedup 0": "clean.judge: rules.min_words.v1.at_least 40 -> 50"}


@pytest.mark.parametrize("num_done", [1, 2])
def test_after_a_night_that_was_stopped_the_cause_is_the_one_it_began_with(house: House, num_done: int) -> None:
    """Its first steps are done and remembered: in their places stands what this night wants."""
    night = Night(clean=MOVED)
    house.do(night, num_steps=num_done)
    found = reasons(house.lines(night))
    assert set(found) == {"dedup 0", "scrub 0", "scrub 1", "scrub 2"} - ({"dedup 0"} if num_done == 2 else set())
    assert set(found.values()) == {BY_RULES}


def test_a_shard_that_came_first_is_new_and_the_others_are_as_they_were(house: House) -> None:
    night = Night(raw=("0", "a", "b"))
    house.do(night, num_steps=1)
    assert reasons(house.lines(night))["dedup 0"] == "new"


def test_another_text_is_new_and_so_is_what_follows_from_it(house: House) -> None:
    found = reasons(house.lines(Night(raw=("a", "b", "c"))))
    assert (found["clean 4"], found["clean 5"]) == ("new", "new")
    assert (found["clean 6"], found["dedup 0"], found["scrub 2"]) == ("new", "new", "new")
    assert "clean 0" not in found


def test_fewer_shards_than_before_are_fewer_inputs(house: House) -> None:
    found = reasons(house.lines(Night(raw=("a",))))
    assert found == {
        "clean 2": "fewer inputs",
        "dedup 0": "clean.list: fewer inputs",
        "scrub 0": "clean.list: fewer inputs",
        "scrub 1": "clean.list: fewer inputs",
    }


def test_an_input_that_nobody_lays_out_is_another_one(house: House) -> None:
    found = reasons(house.lines(Night(raw=("a", "z"))))
    assert found["clean 2"] == "another input (raw)"
    assert found["clean 3"] == found["dedup 0"] == "clean.text: another input (raw)"


def test_what_goes_on_from_what_stood_in_its_place_says_so_and_not_that_it_has_another_input(tmp_path: Path) -> None:
    """A trunk with unread text: nothing else changed since the night before."""
    workspace = Workspace(tmp_path)
    snapshot = Work(TEXT, inputs={"raw": Ref("ingest", "a")}, name="snapshot")
    first = Work(DECIDE, inputs={"snapshot": snapshot.ref}, params={"first": 0}, name="model")
    for trunk in (first.ref, Ref("dedup", "of another line")):
        for work in (snapshot, first):
            execute(work, workspace.root)
        remember(workspace, Step("dedup", "model", (), (first,), first))
        inputs = {"snapshot": snapshot.ref, "trunk": trunk}
        work = Work(DECIDE, inputs=inputs, params={"first": 9}, name="model")
        follows = Work(SCRUB, inputs={"model": work.ref}, name="scores")
        execute(before := Work(SCRUB, inputs={"model": first.ref}, name="scores"), workspace.root)
        remember(workspace, Step("scrub", "scores", (), (before,), before))
        steps = [Step(w.maker.stage, w.name, (), (w,), w, todo=frozenset({w.ref})) for w in (work, follows)]
        told = "goes on from the last one" if trunk == first.ref else "another input (trunk)"
        assert reasons(lines_of(steps, workspace)) == {"dedup 0": told, "scrub 0": f"dedup.decide: {told}"}


def test_of_a_content_that_is_known_by_its_digest_alone_it_is_told_that_it_is_new(tmp_path: Path) -> None:
    """What is drawn from the newest batch is compared with what was drawn from the one before it."""
    workspace = Workspace(tmp_path)
    plans = [Work(TEXT, params={"content": digit * 32}, name="plan") for digit in "ab"]
    drawn = [Work(DECIDE, inputs={"batch": plan.ref}, name="benchmark") for plan in plans]
    for work in (plans[0], drawn[0]):
        execute(work, workspace.root)
    remember(workspace, Step("dedup", "benchmark", (), (drawn[0],), drawn[0]))
    todo = frozenset({plans[1].ref, drawn[1].ref})
    steps = [
        Step("clean", "0002-docs", (), (plans[1],), plans[1], todo=todo),
        Step("dedup", "benchmark", (), (drawn[1],), drawn[1], todo=todo),
    ]
    assert reasons(lines_of(steps, workspace)) == {"clean 0": "new", "dedup 0": "new"}


def test_parameters_follow_from_inputs_mostly_so_they_are_told_where_no_input_is_another(house: House) -> None:
    assert reasons(house.lines(Night(key_id="2a2a", clean=MOVED)))["scrub 0"] == BY_RULES
    assert reasons(house.lines(Night(key_id="2a2a")))["scrub 0"] == "key_id 1f0c -> 2a2a"


@pytest.mark.parametrize("stage", ["clean", "dedup"])
def test_what_was_deleted_is_told_and_what_follows_is_reused(house: House, stage: str) -> None:
    night = Night()
    house.delete(next(step for step in night.steps if step.stage == stage).works[0])
    assert reasons(house.lines(night)) == {f"{stage} 0": "deleted"}


def test_damage_is_told_with_its_file(house: House) -> None:
    night = Night()
    (house.workspace.store.path("dedup", night.steps[1].whole.fingerprint) / "data.txt").write_text("MADE")
    manifest = house.workspace.store.path("clean", night.steps[0].works[0].fingerprint) / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"rows_in": 1', '"rows_in": 2'))
    assert reasons(house.lines(night)) == {"dedup 0": "damaged: data.txt", "clean 0": "damaged: manifest.json"}


def test_what_stands_for_something_that_is_lost_outside_says_what(house: House) -> None:
    step = Night().steps[1]
    work = replace(step.whole, lost="lost: MLflow has no version 3 of nightshift")
    step = replace(step, wholes=(work,), whole=work, todo=frozenset([work.ref]))
    assert reasons(lines_of([step], house.workspace)) == {"dedup 0": work.lost}


def test_what_is_gone_and_not_wanted_is_not_needed(house: House) -> None:
    night = Night()
    house.delete(night.steps[0].works[0])
    found = reasons(house.lines(night, todo=lambda _: False), "reuse")
    assert found.pop("clean 0") == "not needed: what follows from it is whole"
    assert set(found.values()) == {"nothing changed"}


def test_where_what_stood_there_before_is_gone_too_nothing_is_made_up(house: House) -> None:
    for work in Night().steps[0].works:
        house.delete(work)
    assert reasons(house.lines(Night(clean=MOVED)))["clean 1"] == "what stood in its place is gone"


def test_a_line_says_what_it_took_the_last_time_and_what_it_is_called(house: House) -> None:
    line = house.lines(Night(clean=MOVED))["clean 1"]
    assert line.last_seconds is not None
    assert (line.stage, line.label, line.name) == ("clean", "0001-docs", "judgement")
    assert house.lines(Night(raw=("a", "b", "c")))["clean 4"].last_seconds is None


def test_long_values_are_cut_and_many_changes_are_counted(house: House) -> None:
    assert list(changes({"a": "x" * 90}, {"a": None})) == [f"a {'x' * 37}... -> off"]
    moved = {f"max_top_{n}_gram.v1": {"at_most": 0.5} for n in (2, 3, 4)}
    found = reasons(house.lines(Night(clean={"rules": moved, "languages": ["en"]})))
    assert found["clean 1"] == (
        "languages -zh, rules.max_top_2_gram.v1.at_most 0.2 -> 0.5, "
        "rules.max_top_3_gram.v1.at_most 0.18 -> 0.5 and 1 more"
    )


RULES = [{"label": "AD", "terms": ["buy now", "on sale"]}, {"label": "LOG", "terms": ["sign in"]}]
LONG = "a setting whose value is longer than what is shown of it"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (["en", "zh"], ["en", "de"], ["x -zh", "x +de"]),
        (["en"], ["de", "en", "fr"], ["x +de", "x +fr"]),
        (["en", "zh"], ["zh", "en"], ["x ['en', 'zh'] -> ['zh', 'en']"]),
        (["en", "en"], ["en"], ["x ['en', 'en'] -> ['en']"]),
        (RULES, [RULES[0], {"label": "LOG", "terms": ["sign in", "sign up"]}], ["x[1].terms +sign up"]),
        (RULES, RULES[1:], ["x -AD"]),
        ([], RULES[1:], ["x +LOG"]),
        ([{"source": "a"}, {"source": "b"}], [{"source": "a"}, {"source": "c"}], ["x -b", "x +c"]),
        ([{"kind": "int8", "bits": 8}] * 2, [{"kind": "int8", "bits": 4}], ["x[0].bits 8 -> 4", "x -int8"]),
        ([{"at": 1}], [{"at": 2}], ["x -{'at': 1}", "x +{'at': 2}"]),
        (RULES, None, ["x [{'label': 'AD', 'terms': ['buy now',... -> off"]),
        (f"{LONG} now", f"{LONG} then", ["x ...n of it now -> ...n of it then"]),
        (f"{LONG}, and more of it", f"{LONG}", ["x ...wn of it, and more of it -> ...wn of it"]),
    ],
)
def test_of_long_values_what_differs_is_told(old: Any, new: Any, told: list[str]) -> None:
    assert list(changes({"x": old}, {"x": new})) == told
