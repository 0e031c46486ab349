"""Settings: where values come from, what is refused and how, and that they can be written down and read again."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_lib.base.errors import SettingsError
from pipeline_lib.settings.text import Explained, as_toml, as_toml_value, explain
from pipeline_lib.stages import AllSettings as Settings
from pipeline_lib.stages import resolve


def _file(folder: Path, text: str) -> Path:
    path = folder / "given.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _explained(**from_where: object) -> dict[str, Explained]:
    config, environment, arguments = (from_where.get(name) for name in ("config", "environment", "arguments"))
    found = resolve(config, environment or {}, arguments or [])  # type: ignore[arg-type]
    return {line.name: line for line in explain(found)}


def test_command_line_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    config = _file(tmp_path, "[train]\nmax_steps = 10\nseed = 10\nbatch_rows = 10\n")
    environment = {"NIGHTSHIFT_TRAIN__SEED": "20", "NIGHTSHIFT_TRAIN__BATCH_ROWS": "20"}
    train = resolve(config, environment, [("train.batch_rows", "30")]).settings.train
    assert (train.max_steps, train.seed, train.batch_rows, train.num_layers) == (10, 20, 30, 4)


def test_each_value_says_where_it_came_from(tmp_path: Path) -> None:
    config = _file(tmp_path, "[train]\nmax_steps = 10\nseed = 10\n")
    lines = _explained(
        config=config, environment={"NIGHTSHIFT_WORKSPACE": "elsewhere"}, arguments=[("train.seed", "20")]
    )
    assert lines["train.max_steps"].origin == str(config)
    assert lines["train.seed"].origin == "command line --train.seed"
    assert lines["workspace"].origin == "environment variable NIGHTSHIFT_WORKSPACE"
    assert lines["train.num_layers"].origin == "default"


def test_one_rule_that_was_set_does_not_give_its_origin_to_the_others() -> None:
    lines = _explained(arguments=[("clean.rules", '{"min_words.v1": {"at_least": 40}}')])
    assert lines["clean.rules.min_words.v1.at_least"].value == "40"
    assert lines["clean.rules.min_words.v1.at_least"].origin == "command line --clean.rules"
    assert lines["clean.rules.max_words.v1.at_most"].origin == "default"


def test_everything_is_explained_rules_sources_and_the_gate_too() -> None:
    lines = _explained()
    assert lines["clean.rules.min_words.v1.at_least"].value == "50"
    assert lines["clean.rules.min_sentences.v1"].value == '"none"'
    assert lines["ingest.sources[0].kind"].value == '"installed_docs"'
    assert lines["register.gate.max_variant_loss_share"].unit == "share of bits per byte"
    assert lines["train.budget_minutes"].unit == "minutes"
    assert "clean.rules.min_words.v1.at_most" not in lines  # a rule has one bound
    assert [name for name, line in lines.items() if not line.meaning and not name.endswith(".kind")] == []


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match="holds a password") as caught:
        resolve(None, {}, [("register.tracking_uri", "http://me:s3cret@mlflow:5000")])
    assert "s3cret" not in str(caught.value)


CHANGED = [
    [],
    [("train.budget_minutes", "none"), ("register.tracking_uri", "http://mlflow:5000")],
    [("clean.rules.max_words.v1", "off"), ("clean.rules.min_words.v1.at_least", "40.5"), ("clean.languages", "none")],
    [("ingest.sources", '[{"kind":"files","name":"a","path":"x y","id_field":null},{"kind":"installed_docs"}]')],
    [("clean.entity_rules", '[{"label":"QUOTED","terms":["a \\"b\\"","转载 \\\\","tab\\tand \\u007f"]}]')],
    [("workspace", "C:\\new\\folder"), ("tokenize.domain_terms", "one,two")],
]


@pytest.mark.parametrize("arguments", CHANGED)
def test_settings_written_as_toml_are_the_same_when_they_are_read(
    arguments: list[tuple[str, str]], tmp_path: Path
) -> None:
    settings = resolve(None, {}, arguments).settings
    assert resolve(_file(tmp_path, as_toml(settings)), {}, []).settings == settings


@given(st.text())
def test_any_text_written_as_toml_is_the_same_when_it_is_read(text: str) -> None:
    import tomllib

    clean = text.encode("utf-8", "ignore").decode()  # a lone surrogate cannot be in a file
    assert tomllib.loads(f"value = {as_toml_value(clean)}") == {"value": clean}


def test_none_by_name_is_none_where_a_field_takes_it_and_an_error_elsewhere() -> None:
    assert resolve(None, {"NIGHTSHIFT_TRAIN__MAX_STEPS": "none"}, []).settings.train.max_steps is None
    with pytest.raises(SettingsError, match=r"^train\.seed: .*valid integer.*got 'none'"):
        resolve(None, {}, [("train.seed", "none")])


REFUSED = [
    ([("train.max_step", "4")], r"train\.max_step: there is no such setting\. Did you mean train\.max_steps\?"),
    ([("trian.max_steps", "4")], r"trian\.max_steps: there is no such setting\. Did you mean train\.max_steps\?"),
    ([("max_steps.x", "4")], r"max_steps\.x: there is no such setting\. Did you mean train\.max_steps\?"),
    ([("zzz.qqq", "4")], r"zzz\.qqq: there is no such setting\. See nightshift config --explain"),
    ([("train.seed", "x")], r"train\.seed: Input should be a valid integer.* \(got 'x'\)\. It comes from command line"),
    ([("train.seed", "-4")], r"train\.seed: Input should be greater than or equal to 0 \(got '-4'\)"),
    ([("train.precision", "fp16")], r"train\.precision: Input should be 'auto', 'bf16' or 'fp32' \(got 'fp16'\)"),
    ([("train.hidden_size", "130")], r"train\.hidden_size: Input should be a multiple of 8"),
    ([("train.num_heads", "3")], r"train: hidden_size 128 is not an even multiple of num_heads 3"),
    ([("train", "4")], r"train: "),
    ([("train.seed.x", "4")], r"train\.seed\.x: there is no such setting"),
    ([("profile", "Not A Name")], r"profile: "),
    ([("ingest.sources", "nope")], r"ingest\.sources: should be a list \(got 'nope'\)\."),
    ([("clean.rules", "3")], r"clean\.rules: should be a table \(got '3'\)\."),
    (
        [("clean.rules.min_words.v1", "3")],
        r"has settings below it, as in clean\.rules\.min_words\.v1\.at_least \(got '3'\)",
    ),
    ([("evaluate.foo", "4")], r"evaluate\.foo: there is no such setting\. Did you mean evaluate\.\w+\?"),
    ([("workspace", "")], r"^workspace is empty; name a path .* It comes from command line --workspace"),
    ([("ingest.sources", '[{"kind":"files","name":"a","path":""}]')], r"sources\.0\.files: path is empty; name a path"),
    (
        [("ingest.sources", '[{"kind":"filez"}]')],
        r"ingest\.sources\.0: Input tag 'filez' .* 'files', 'git', 'hub', 'inst",
    ),
    (
        [("clean.rules.min_wrods.v1.at_least", "4")],
        r"there is no rule 'min_wrods\.v1'; did you mean min_words\.v1\? It",
    ),
    ([("clean.rules.min_words.v1.at_most", "4")], r"min_words\.v1 takes at_least and nothing else"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_a_wrong_setting_is_refused_with_what_where_and_what_to_do(
    arguments: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        resolve(None, {}, arguments)
    assert "\n" not in str(refused.value)


def test_an_unknown_key_in_a_file_is_refused_with_the_file(tmp_path: Path) -> None:
    config = _file(tmp_path, "[train]\nmax_step = 4\n")
    with pytest.raises(SettingsError, match=rf"Did you mean train\.max_steps\? It comes from {config}"):
        resolve(config, {}, [])


def test_a_file_that_is_not_there_and_one_that_is_not_toml_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nope\.toml: there is no such settings file"):
        resolve(tmp_path / "nope.toml", {}, [])
    with pytest.raises(SettingsError, match=rf"^{tmp_path}: is no file\. Give the path of a TOML file"):
        resolve(tmp_path, {}, [])
    with pytest.raises(SettingsError, match=r"given\.toml: is not TOML: .*line 1"):
        resolve(_file(tmp_path, "[train\n"), {}, [])


def test_a_byte_order_mark_before_the_settings_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_bytes(b"\xef\xbb\xbf[train]\r\nmax_steps = 4\r\n")
    assert resolve(path, {}, []).settings.train.max_steps == 4


def test_variables_that_are_no_settings_are_left_alone() -> None:
    found = resolve(None, {"NIGHTSHIFT_SCRUB_KEY": "00", "NIGHTSHIFT_FAIL": "x", "HOME": "/"}, [])
    assert found.settings == Settings()
    assert found.origins == {}
