"""README's table "Where to add what": each addition is made in a copy of the program, in the files that its row names.

One night in that copy has all of them in it.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.deploy import with_settings
from pipeline_lib.stages import AllSettings
from tests.copied import ROOT, Copy

READER = '''def read_shouted(stream: Stream, options: ReadOptions) -> Iterator[Record | Bad]:
    """Small letters of what was written in capital ones."""
    yield Record(None, None, "text", decode(whole(stream.chunks(), options.max_document_bytes)).text.lower())


'''
STEP = '''"""One ligature."""

from pipeline_lib.clean.steps.step import each_text

STEP = each_text("ligatures.v1", "ligatures become letters", "ﬁ", lambda text: text.replace("ﬁ", "fi"))
'''
RULE = '    Rule("max_hash_signs.v2", "hash_signs_per_word", "at_most", 0, "has_hash_signs"),\n'
FIELD = '    iban: Action = Field(default="pseudonym", description=f"Bank accounts (ISO 13616). {ACTIONS}")\n'
DETECTOR = '        Detector("iban", _compiled(rb"[A-Z]{2}[0-9]{13,32}"), _iban_value),\n'
VALUE_OF = """def _iban_value(spot: Spot) -> str | None:
    from stdnum import iban

    return spot.text if iban.is_valid(spot.text) else None


"""
SCHEME = '''"""The weights as they are: what a variant costs by itself."""

import shutil
from pathlib import Path
from typing import ClassVar, Literal

from pipeline_lib.quantize.scheme import Job, Made, Scheme


class Plain(Scheme):
    """A copy."""

    backend: ClassVar[str] = "torch"

    kind: Literal["plain.v1"] = "plain.v1"

    def make(self, job: Job, folder: Path) -> Made:
        """See `Scheme`."""
        shutil.copy(job.model / "model.safetensors", folder)
        return Made(0.0, {"num_files": 1})
'''
CHECK = '''"""Not too many documents, for once."""

from pipeline_lib.register.check import Case, Check


def few_documents(case: Case) -> list[Check]:
    """At most one."""
    return [Check("few_documents", float(len(case.challenger.document_ids)), "<=", 1.0, "held-out documents")]
'''
SETTING = """    ending: str = Field("", description="what stands behind each text", json_schema_extra=neutral(""))
"""
ENDED = """def _ended(documents: "pa.Table", ending: str) -> "pa.Table":
    import pyarrow as pa

    texts = pa.array([text + ending for text in documents["text"].to_pylist()], pa.large_string())
    return documents.set_column(documents.schema.get_field_index("text"), documents.schema.field("text"), texts)


"""
IMPORT_ARROW = """if TYPE_CHECKING:
    import pyarrow as pa

"""
SCHEDULE = """      - slug: sunday-noon
        cron: "0 12 * * 0"
        timezone: Etc/UTC
        active: true

"""


def add_format(copy: Copy) -> None:
    behind, line = "def read_markdown(", '    ".md": read_markdown,\n'
    added = {behind: f"{READER}{behind}", line: f'{line}    ".shout": read_shouted,\n'}
    copy.change("pipeline_lib/ingest/readers.py", added)


def add_step(copy: Copy) -> None:
    folder, line = "pipeline_lib/clean/steps", "    full_width.STEP,\n"
    copy.write(f"{folder}/ligatures.py", STEP)
    imported = "    invisible,\n"
    copy.change(
        f"{folder}/__init__.py", {imported: f"{imported}    ligatures,\n", line: f"{line}    ligatures.STEP,\n"}
    )


def add_rule(copy: Copy) -> None:
    behind = '    Rule("max_ellipses.v1"'
    copy.change("pipeline_lib/clean/rules.py", {behind: f"{RULE}{behind}"})


def add_signal(copy: Copy) -> None:
    """Signs that the kernel counts already, as one more column."""
    last, places = '    "javascript_per_segment",\n', "TOP_2_GRAM, DUPLICATE_5_GRAM = 22, 25"
    counted, by_word = "    row[CURLY_BRACES] = ", "(HASH_SIGNS, ELLIPSES, CURLY_BRACES):"
    added = {
        last: f'{last}    "exclamation_marks_per_word",\n',
        places: f"{places}\nEXCLAMATION_MARKS = 37",
        counted: f"    row[EXCLAMATION_MARKS] = _num_bytes(text, np.uint8(33))\n{counted}",
        by_word: by_word.replace(")", ", EXCLAMATION_MARKS)"),
    }
    copy.change("pipeline_lib/clean/kernel.py", added)
    copy.change("pipeline_lib/clean/stage.py", {'Maker("clean.signals", 3,': 'Maker("clean.signals", 4,'})


def add_kind(copy: Copy) -> None:
    kinds, field = '"cn_id", "card"', "    phone_regions:"
    copy.change("pipeline_lib/scrub/settings.py", {kinds: f'"iban", {kinds}', field: f"{FIELD}{field}"})
    function, row = "@functools.cache\ndef detectors(", '        Detector("cn_id",'
    copy.change("pipeline_lib/scrub/detect.py", {function: f"{VALUE_OF}{function}", row: f"{DETECTOR}{row}"})


def add_scheme(copy: Copy) -> None:
    folder, line = "pipeline_lib/quantize/schemes", "    OnnxDynamic,  #"
    copy.write(f"{folder}/plain.py", SCHEME)
    imported = "from pipeline_lib.quantize.schemes.plain import Plain\n\nSCHEMES:"
    copy.change(f"{folder}/__init__.py", {"\nSCHEMES:": imported, line: f"    Plain,\n{line}"})


def add_check(copy: Copy) -> None:
    folder, line = "pipeline_lib/register/checks", "    beats_unigram,\n"
    copy.write(f"{folder}/few.py", CHECK)
    imported = "from pipeline_lib.register.checks.few import few_documents\n\nCHECKS:"
    copy.change(f"{folder}/__init__.py", {"\nCHECKS:": imported, line: f"    few_documents,\n{line}"})


def add_setting(copy: Copy) -> None:
    """The first maker of clean puts it behind each text."""
    field, written = "    rule_set:", "documents.write(texts.documents)"
    reads, function = "make_text,\n    reads=(", "def make_signals("
    imports, last = "from pathlib import Path\n", 'EXTRACTION_FILE = "'
    copy.change("pipeline_lib/clean/settings.py", {field: f"{SETTING}{field}"})
    copy.change(
        "pipeline_lib/clean/stage.py",
        {
            imports: f"{imports}from typing import TYPE_CHECKING\n",
            last: f"{IMPORT_ARROW}{last}",
            written: "documents.write(_ended(texts.documents, settings.ending))",
            function: f"{ENDED}{function}",
            reads: reads.replace("(", '("ending", '),
        },
    )


def add_schedule(copy: Copy) -> None:
    behind = "  - name: refresh\n"
    copy.change("deployments/prefect.yaml", {behind: f"{SCHEDULE}{behind}"})


ADDITIONS: dict[str, Callable[[Copy], None]] = {
    "a file format": add_format,
    "a step that changes texts": add_step,
    "a quality rule": add_rule,
    "a quality signal": add_signal,
    "a kind of personal data": add_kind,
    "a quantization scheme": add_scheme,
    "a check of the gate": add_check,
    "a setting": add_setting,
    "a schedule": add_schedule,
}
ELSEWHERE = {  # these are added in copies of their own
    "a rule set": "tests/unit/clean/test_docs_rules.py",
    "a source": "tests/integration/ingest/test_add_a_source.py",
    "a stage": "tests/unit/test_stages.py",
}

NIGHT = """
import json, sys
from pathlib import Path
import pyarrow.parquet as pq
from tests.model_nights import whole_night
from tests.tiny_night import english, tiny_settings, write_corpus

root = Path(sys.argv[1])
corpus = write_corpus(root / "corpus")
(corpus / "a.shout").write_text(english(400).upper())
(corpus / "b.txt").write_text(english(401) + " Pay to DE89370400440532013000 soon.")
(corpus / "c.txt").write_text(english(402) + " Oh! Oh!")
(corpus / "d.txt").write_text(english(403) + " All is ﬁne.")
settings = tiny_settings(root / "workspace", corpus, **json.loads(sys.argv[2]))
night = whole_night(settings)
store = night.workspace.store


def rows(maker, file):
    found = night.makers(maker)
    return [row for m in found for row in pq.read_table(store.path(m.ref.stage, m.fingerprint) / file).to_pylist()]


(gate,) = night.makers("register.gate")
texts = rows("scrub.text", "documents.parquet")
print(json.dumps({
    "texts": {row["url"]: row["text"] for row in texts},
    "dropped": {row["document_id"]: [row["reason"], row["failed"]] for row in rows("clean.judge", "ledger.parquet")
                if not row["is_kept"]},
    "urls": {row["document_id"]: row["url"] for row in rows("clean.text", "documents.parquet")},
    "marks": [row["exclamation_marks_per_word"] * row["num_words"]
              for row in rows("clean.signals", "signals.parquet") if row["exclamation_marks_per_word"]],
    "num_iban": sum(m.facts["num_iban"] for m in night.makers("scrub.text")),
    "verdict": night.verdict,
    "gate": json.loads((store.path("register", gate.fingerprint) / "gate.json").read_text()),
    "variants": [[dict(m.facts), [f.name for f in m.files]] for m in night.makers("quantize.variant")],
}))
"""
CHANGES = {
    "quantize__schemes": "plain.v1",
    "clean__ending": " Thus it ends.",
    "clean__steps": '{"ligatures.v1": "on"}',
}
NAMES = """
import json, sys
from pathlib import Path
from pipeline_lib.plan.data import plan_data
from pipeline_lib.store.workspace import Workspace
from tests.tiny_night import tiny_settings, write_corpus

root = Path(sys.argv[1])
plan = plan_data(tiny_settings(root / "workspace", write_corpus(root / "corpus")), Workspace(root / "workspace"))
works = [work for step in plan.steps("clean") for work in step.works if work.maker.name == sys.argv[2]]
print(json.dumps([work.fingerprint for work in works]))
"""


@dataclass(frozen=True)
class Row:
    """A row of the table: what is added, and the files and folders that it names."""

    added: str
    cost: str

    @property
    def named(self) -> set[str]:
        """Files, and folders with a slash behind them; notes on how it is done are no cost."""
        code = re.findall(r"`([^`]+)`", self.cost.partition(". ")[0])
        return {name for name in code if name.endswith((".py", ".yaml", ".toml", "/"))}

    def names(self, path: str) -> bool:
        """Whether a file is one of these, or lies in one of these folders."""
        return any(path == name or path.endswith(f"/{name}") or path.startswith(name) for name in self.named)


def table() -> dict[str, Row]:
    """The rows by what they add."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Where to add what")[2]
    rows = [Row(*map(str.strip, line.strip("|").split("|"))) for line in text.splitlines() if line.startswith("| ")]
    return {row.added: row for row in rows if row.added != "to add"}


@dataclass(frozen=True)
class Grown:
    """A copy with all additions, and its night."""

    copy: Copy
    touched: dict[str, set[str]]
    night: dict[str, Any]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    """All additions at once."""
    copy, touched = Copy(tmp_path_factory.mktemp("grown")), {}
    for name, add in ADDITIONS.items():
        copy.touched = set()
        add(copy)
        touched[name] = copy.touched
    said = copy.run(NIGHT, str(tmp_path_factory.mktemp("night")), json.dumps(CHANGES))
    yield Grown(copy, touched, json.loads(said.splitlines()[-1]))
    shutil.rmtree(copy.root)


def test_each_row_is_walked() -> None:
    assert set(table()) == {*ADDITIONS, *ELSEWHERE}
    assert all((ROOT / path).is_file() for path in ELSEWHERE.values())


@pytest.mark.parametrize("added", ADDITIONS)
def test_an_addition_costs_the_files_that_its_row_names_and_no_other(grown: Grown, added: str) -> None:
    row, touched = table()[added], grown.touched[added]
    assert [path for path in touched if not row.names(path)] == []
    assert [name for name in row.named if not any(Row("", f"`{name}`").names(path) for path in touched)] == []


def test_the_copy_keeps_the_import_contracts(grown: Grown) -> None:
    grown.copy.lint_imports()


def test_a_format_is_read(grown: Grown) -> None:
    text = grown.night["texts"]["a.shout"]
    assert text == text.replace(" Thus it ends.", "").lower() + " Thus it ends."


def test_a_step_changes_texts(grown: Grown) -> None:
    assert grown.night["texts"]["d.txt"].endswith(" All is fine. Thus it ends.")


def test_a_rule_drops_under_its_name(grown: Grown) -> None:
    urls, dropped = grown.night["urls"], grown.night["dropped"]
    found = {
        urls[name]: [one["rule"] for one in failed]
        for name, (why, failed) in dropped.items()
        if why == "has_hash_signs"
    }
    assert found == {f"page_{number}.md": ["max_hash_signs.v2"] for number in range(200, 204)}


def test_a_signal_is_a_column_beside_the_others(grown: Grown) -> None:
    assert grown.night["marks"] == [pytest.approx(2)]


def test_a_kind_of_personal_data_is_replaced_and_counted(grown: Grown) -> None:
    text = grown.night["texts"]["b.txt"]
    assert re.search(r"Pay to <IBAN_k[0-9a-f]{8}_[0-9a-f]{16}> soon\.", text)
    assert grown.night["num_iban"] == 1


def test_a_scheme_makes_a_model_and_is_a_row_of_the_gate(grown: Grown) -> None:
    ((facts, files),) = grown.night["variants"]
    assert facts["num_files"] == 1
    assert {"model/model.safetensors", "model/config.json"} <= set(files)
    rows = [row for row in grown.night["gate"]["table"] if (row["candidate"], row["documents"]) == ("plain.v1", "all")]
    same = [
        row for row in grown.night["gate"]["table"] if (row["candidate"], row["documents"]) == ("challenger", "all")
    ]
    assert [row["bits_per_byte"] for row in rows] == pytest.approx([row["bits_per_byte"] for row in same])
    assert {"same_documents_for_plain.v1", "loss_of_plain.v1"} <= {
        check["name"] for check in grown.night["gate"]["checks"]
    }


def test_a_check_refuses(grown: Grown) -> None:
    (check,) = [one for one in grown.night["gate"]["checks"] if one["name"] == "few_documents"]
    assert not check["is_passed"]
    assert not grown.night["gate"]["is_passed"]
    assert "not promoted: refused: few_documents (" in grown.night["verdict"]


def test_a_setting_does_what_it_says_and_off_it_changes_no_name(grown: Grown, tmp_path: Path) -> None:
    assert all(text.endswith(" Thus it ends.") for text in grown.night["texts"].values())
    plain = Copy(tmp_path / "plain")
    names = [
        json.loads(copy.run(NAMES, str(tmp_path / name), "clean.text"))
        for name, copy in (("with", grown.copy), ("without", plain))
    ]
    shutil.rmtree(plain.root)
    assert names[0] == names[1] != []


def test_a_schedule_is_deployed(grown: Grown) -> None:
    tree = yaml.safe_load((grown.copy.root / "deployments" / "prefect.yaml").read_text(encoding="utf-8"))
    nightly = with_settings(tree, AllSettings())["deployments"][0]
    assert nightly["name"] == "nightly"
    assert [schedule["slug"] for schedule in nightly["schedules"]] == ["every-night", "sunday-noon"]
