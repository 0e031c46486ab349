"""What decides a name, and what does not: over all works of a night (tests/laid_out.py)."""

import json
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import Field, create_model

from flows.halves import ingest
from pipeline_lib.base.settings import StageSettings, is_operational, neutral
from pipeline_lib.clean import settings as clean_settings
from pipeline_lib.clean.rules import RULE_BY_NAME, RULES, Rule
from pipeline_lib.ingest.documents import reading_of
from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.ingest.sources import Source
from pipeline_lib.ingest.sources.files import FilesSource
from pipeline_lib.ingest.works import land
from pipeline_lib.plan.data import plan_data
from pipeline_lib.quantize.schemes import SCHEMES
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import STAGES
from tests.every_setting import DECISIVE, OPERATIONAL, annotation_of, another, as_argument
from tests.fixed_night import Fixed, holds, switched_on
from tests.laid_out import GOLDEN, LaidOut, golden_of, lay_out, night_settings, renamed
from tests.tiny_night import night_here, tiny_settings, write_corpus

pytestmark = pytest.mark.usefixtures("key_is_set")

ADDED = "added_later"
MODELS = "clean.models"  # adds works: see the tests of models
IDLE = (
    "dedup.max_hamming_bits",
    "clean.max_boilerplate_share",
)  # what is chosen does not read them: see tests of theirs
SOURCES: dict[str, dict[str, Any]] = {
    "crawl": {"name": "docs", "seeds": ("https://example.org/",), "contact": "bot@example.org"},
    "files": {"name": "docs", "path": "/corpus"},
    "git": {"name": "docs", "path": "/repository"},
    "hub": {"name": "docs", "repository": "owner/name"},
    "installed_docs": {},
    "judgments": {"name": "docs", "path": "/verdicts"},
    "s3": {"name": "docs", "url": "s3://texts/docs"},
    "sql": {"name": "docs", "url": "sqlite:///data.db", "table": "articles"},
    "synthetic": {
        "name": "docs", "endpoint": "https://host/v1", "model": "m", "seeds": "/seeds.txt", "prompt": "{seed}",
    },
}  # fmt: skip


def test_no_work_of_the_fixed_night_has_another_name_than_in_the_last_release(fixed: Fixed) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    found = golden_of(fixed.night)
    assert not renamed(fixed.night, golden), (
        "These makers name what they make otherwise than before, at the same version: all workspaces would make it "
        "again, and what follows from it. If that is wanted, raise their versions (pipeline_lib/<stage>/stage.py), say "
        "it in CHANGELOG.md, and write the names anew: python -m tests.laid_out"
    )
    assert found == golden, "a version was raised, or works came or went: python -m tests.laid_out writes them anew"


def test_the_night_has_a_work_of_every_maker(fixed: Fixed) -> None:
    there = {work.maker.name for work in fixed.night.works.values()}
    assert {maker.name for stage in STAGES for maker in stage.makers if maker.only_with is None} <= there
    with_all = lay_out(night_settings(fixed.root, **switched_on(fixed.root)), fixed.root / "workspace")
    assert {m.name for s in STAGES for m in s.makers} <= {work.maker.name for work in with_all.works.values()}


def test_names_do_not_depend_on_where_the_workspace_and_the_sources_lie(fixed: Fixed, tmp_path: Path) -> None:
    assert fixed.night.changed(lay_out(night_settings(tmp_path), tmp_path / "elsewhere")) == set()


def test_installed_versions_of_packages_enter_no_name(fixed: Fixed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _name: "0.0.1")
    # Any package may put a finder of its own in front, whose distributions are of another class.
    for kind in type(metadata.distribution("pyarrow")).__mro__[:-1]:
        if "version" in vars(kind):
            monkeypatch.setattr(kind, "version", "0.0.1")
    assert metadata.version("pyarrow") == metadata.distribution("pyarrow").version == "0.0.1"
    assert fixed.night.changed(fixed.with_settings(fixed.settings)) == set()


# One more field, at its neutral value -------------------------------------------------------------------------------


def every_settings_class() -> list[type[StageSettings]]:
    """All classes of settings that a stage has, down to the parts of lists and mappings."""
    waiting, found = [StageSettings], list[type[StageSettings]]()
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind.__module__.startswith("pipeline_lib.") and kind not in found:
                found.append(kind)
    return sorted(found, key=lambda kind: kind.__name__)


def with_one_more(value: Any, kind: type[StageSettings]) -> Any:
    """The same settings, where each of this kind has one more field, which decides, at the value of being off."""
    if isinstance(value, StageSettings):
        parts = {name: with_one_more(part, kind) for name, part in value.__dict__.items()}
        if type(value) is not kind:
            return type(value).model_construct(**parts)
        field: Any = (int, Field(7, json_schema_extra=neutral(7)))
        return create_model(kind.__name__, __base__=kind, **{ADDED: field}).model_construct(**parts, **{ADDED: 7})
    if isinstance(value, dict):
        return {name: with_one_more(part, kind) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(with_one_more(part, kind) for part in value)
    return value


def test_the_fixed_settings_hold_something_of_every_class_of_settings(fixed: Fixed) -> None:
    other = {type(source) for source in every_source()} | {kind for kind in every_settings_class() if is_base(kind)}
    assert [kind for kind in every_settings_class() if not holds(fixed.holding(kind), kind) and kind not in other] == []


def is_base(kind: type[StageSettings]) -> bool:
    """Whether a class is there to be inherited from: the others have all of it."""
    return any(kind in other.__bases__ for other in every_settings_class())


@pytest.mark.parametrize("kind", [k for k in every_settings_class() if not is_base(k)], ids=lambda kind: kind.__name__)
def test_a_field_that_is_added_at_its_neutral_value_renames_nothing(fixed: Fixed, kind: type[StageSettings]) -> None:
    before = fixed.holding(kind)
    settings = with_one_more(before, kind)
    assert holds(before, kind) != holds(settings, kind) or kind in map(type, every_source())
    assert fixed.with_settings(before).changed(fixed.with_settings(settings)) == set()


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.word)
def test_a_maker_that_reads_it_makes_nothing_of_another_name(fixed: Fixed, stage: Any) -> None:
    own = [work for work in fixed.night.works.values() if isinstance(work.settings, stage.settings)]
    assert own
    for work in own:
        settings = with_one_more(work.settings, stage.settings)
        reading = replace(work.maker, reads=(*work.maker.reads, ADDED))
        assert replace(work, maker=reading, settings=settings).fingerprint == work.fingerprint
        settings.__dict__[ADDED] = 8
        assert replace(work, maker=reading, settings=settings).fingerprint != work.fingerprint


def every_source() -> list[Any]:
    return [kind(**SOURCES[kind.model_fields["kind"].default]) for kind in get_args(get_args(Source)[0])]


@pytest.mark.parametrize("source", every_source(), ids=lambda source: source.kind)
def test_a_field_that_is_added_to_a_source_reads_and_lands_as_before(source: Any, tmp_path: Path) -> None:
    more = with_one_more(source, type(source))
    own = IngestSettings.model_construct(**{**IngestSettings().__dict__, "sources": (source,)})
    grown = IngestSettings.model_construct(**{**own.__dict__, "sources": (more,)})
    assert reading_of(own, source, tmp_path).digest == reading_of(grown, more, tmp_path).digest
    assert land(own, source.name, "night").fingerprint == land(grown, source.name, "night").fingerprint
    assert reading_of(own, with_value(more, 8), tmp_path).digest != reading_of(own, source, tmp_path).digest


def with_value(settings: StageSettings, value: int) -> StageSettings:
    return type(settings).model_construct(**{**settings.__dict__, ADDED: value})


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.__name__)
def test_a_field_that_is_added_to_a_scheme_makes_the_variant_it_made(fixed: Fixed, scheme: Any) -> None:
    def variants(value: int) -> set[str]:
        schemes = tuple(
            with_value(one, value) if type(one).__name__ == scheme.__name__ else one
            for one in with_one_more(fixed.settings.quantize.schemes, scheme)  # type: ignore[attr-defined]
        )
        own = fixed.settings.quantize.model_copy(update={"schemes": schemes})  # type: ignore[attr-defined]
        settings = fixed.settings.model_copy(update={"quantize": own})
        return fixed.night.changed(fixed.with_settings(settings))

    assert variants(7) == set()
    assert fixed.night.of_makers({"quantize.variant"}) <= variants(8)


def test_a_rule_that_is_added_switched_off_renames_nothing_and_switched_on_the_judgement(
    fixed: Fixed, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = fixed.night.following(fixed.night.of_makers({"clean.judge"}))
    for limit, expected in ((None, set()), (7, judged)):
        new = Rule("max_night.v1", "num_chars", "at_most", limit, "too_dark")
        monkeypatch.setattr(clean_settings, "RULES", (*RULES, new))
        monkeypatch.setattr(clean_settings, "RULE_BY_NAME", {**RULE_BY_NAME, new.name: new})
        settings = night_settings(fixed.root)
        assert new.name in settings.clean.rules  # type: ignore[attr-defined]
        assert fixed.night.changed(fixed.with_settings(settings)) == expected


@pytest.mark.parametrize(("name", "makers"), [("gopher", {"clean.judge"}), ("c4", {"clean.judge", "clean.signals"})])
def test_a_rule_set_renames_the_judgement_and_the_signals_where_it_asks_for_others(
    fixed: Fixed, name: str, makers: set[str]
) -> None:
    assert fixed.changed("clean.rule_set", [name]) == fixed.night.following(fixed.night.of_makers(makers))


def test_a_champion_is_not_measured_by_the_token_counts_of_a_challenger(fixed: Fixed) -> None:
    """Its tokenizer may be another."""
    (work, *others) = [work for work in fixed.night.works.values() if work.maker.name == "evaluate.champion"]
    assert {name for one in (work, *others) for name in one.inputs} == {"benchmark"}


# Each field: nothing, or what reads it ------------------------------------------------------------------------------


# Settings that decide by a parameter, or by what is planned with them, and the makers that are told of it there.
BY_PARAMETER = {
    "ingest.max_document_bytes": {"ingest.plan"},  # how a source is read, by its digest
    "ingest.max_expansion": {"ingest.plan"},
    "tokenize.heldout_share": {"ingest.plan"},  # of what arrives
    "quantize.schemes": {"quantize.variant"},  # each variant its own
    "register.model_name": {"evaluate.champion"},  # where the champion is asked for
    "register.tracking_uri": {"evaluate.champion"},
}
# No step that is on by default could change a term: texts stay as they are.
INSTEAD = {"clean.terminology": {"clean.terms", "tokenize.learn"}}


def readers_of(name: str, night: LaidOut) -> set[str]:
    """The places of the works whose makers read a setting, or are told it otherwise."""
    section, field = name.split(".")[:2]
    if name in INSTEAD:
        return night.of_makers(INSTEAD[name])
    kind = annotation_of(section)
    reading = {p for p, w in night.works.items() if isinstance(w.settings, kind) and field in w.maker.reads}
    return reading | night.of_makers(BY_PARAMETER.get(name, set()))


@pytest.mark.parametrize("name", [name for name in DECISIVE if name not in (*IDLE, MODELS)])
def test_a_setting_renames_what_reads_it_and_what_follows_and_nothing_else(fixed: Fixed, name: str) -> None:
    readers = readers_of(name, fixed.night)
    assert readers, "no maker reads it: what does it decide?"
    assert fixed.changed(name, another(name, fixed.settings)) == fixed.night.following(readers)


READ_BY = {  # of [dedup]: which methods read a setting
    "jaccard_at_least": {"minhash", "simhash"},
    "shingle_tokens": {"minhash", "simhash"},
    "bands": {"minhash"},
    "rows": {"minhash"},
    "seed": {"minhash"},
    "max_hamming_bits": {"simhash"},
}


@pytest.mark.parametrize("method", ["minhash", "simhash", "none"])
@pytest.mark.parametrize("name", READ_BY)
def test_a_setting_that_the_chosen_method_does_not_read_renames_nothing(fixed: Fixed, name: str, method: str) -> None:
    dotted = f"dedup.{name}"
    chosen = {"dedup__method": method}
    other = {**chosen, dotted.replace(".", "__"): as_argument(another(dotted, fixed.settings))}
    night = fixed.with_settings(night_settings(fixed.root, **chosen))
    changed = night.changed(fixed.with_settings(night_settings(fixed.root, **other)))
    assert changed == (night.following(readers_of(dotted, night)) if method in READ_BY[name] else set())


@pytest.mark.parametrize("name", OPERATIONAL)
def test_an_operational_setting_renames_nothing(fixed: Fixed, name: str) -> None:
    assert fixed.changed(name, another(name, fixed.settings)) == set()


def with_source(fixed: Fixed, **changes: Any) -> Settings:
    """The night in which the first source has other settings."""
    first, *others = json.loads((fixed.root / "sources.json").read_text(encoding="utf-8"))
    return night_settings(fixed.root, ingest__sources=json.dumps([{**first, **changes}, *others]))


@pytest.mark.parametrize("name", [n for n, f in FilesSource.model_fields.items() if is_operational(f) and n != "path"])
def test_which_files_of_a_source_there_are_decides_no_name_of_those_that_are_read(fixed: Fixed, name: str) -> None:
    mix = {"weight": 2.0, "most_tokens": 100, "most_tokens_per_host": 9}
    mix |= {"arrived_from": "9998-12-31", "arrived_until": "2001-01-01"}
    other = {"include": ["*.*"], "exclude": ["nothing"], **mix}[name]
    asked = mix.keys()  # of the snapshot alone
    expected = fixed.night.following(fixed.night.of_makers({"tokenize.snapshot"})) if name in asked else set()
    assert fixed.night.changed(fixed.with_settings(with_source(fixed, **{name: other}))) == expected


@pytest.mark.parametrize("name", ["text_field", "id_field", "record_format"])
def test_how_a_source_is_read_renames_what_is_read_of_it_and_what_follows(fixed: Fixed, name: str) -> None:
    settings = with_source(fixed, **{name: "html" if name == "record_format" else "body"})
    own = {p for p in fixed.night.of_makers({"ingest.plan", "ingest.read", "ingest.split"}) if "docs" in p}
    assert fixed.night.changed(fixed.with_settings(settings)) == fixed.night.following(own)


def test_how_files_are_grouped_renames_nothing_of_a_batch_that_is_sealed(tmp_path: Path) -> None:
    """Nor does anything else that tells a batch how it is to be cut: it is decided once."""
    settings = tiny_settings(tmp_path / "workspace", write_corpus(tmp_path / "corpus"))
    with night_here(settings) as night:
        ingest(plan_data(settings, night.workspace), night)
    names = [
        {work.fingerprint for step in plan.steps("clean") for work in step.works}
        for shard_bytes in ("12000", "1")
        for plan in [
            plan_data(
                tiny_settings(tmp_path / "workspace", tmp_path / "corpus", ingest__max_shard_bytes=shard_bytes),
                night.workspace,
            )
        ]
    ]
    assert names[0] == names[1]
