"""A night so small that it takes seconds: some sixty generated documents, a model of a few thousand parameters.

    corpus = write_corpus(folder)                         English and Chinese, five formats, duplicates, e-mails
    run_night(workspace, corpus)                          `nightshift run`, as a user calls it
    refresh(tiny_settings(workspace, corpus))             the data half of the same plan in this process, in a second
Both read the same settings, so what one made the other reuses.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flows.halves import refresh_data
from pipeline_lib.plan.data import DataPlan, plan_data
from pipeline_lib.settings.tree import Settings
from pipeline_lib.stages import resolve
from pipeline_lib.store.artifact import Manifest, read_manifest
from pipeline_lib.store.home import settle
from pipeline_lib.store.workspace import Workspace, new_run
from tasks.night import LogReporter, Night
from tasks.runtime import PlainRuntime

KEY = "00112233445566778899aabbccddeeff0123456789abcdef0f1e2d3c4b5a6978"  # of nobody's data
SOURCE = "docs"
NIGHT_SECONDS = 900  # of a hang
NUM_SENTENCES = 9

ENGLISH_WORDS = {
    "noun": """harbour lantern orchard engine letter valley kitchen river teacher market violin window garden winter
        bridge compass meadow captain library shelter morning village mirror forest ladder station basket island
        journey chimney feather blanket tailor pocket saddle candle cottage pepper bakery thunder""",
    "verb": """carries watches repairs remembers follows paints measures answers crosses gathers describes borrows
        visits polishes surrounds questions supports imagines collects protects""",
    "adjective": """quiet crooked distant golden patient hollow gentle narrow stubborn bright ancient careful sudden
        heavy curious silver weary honest frozen modest clever tender broken hidden rapid""",
}
CHINESE_WORDS = {
    "noun": """港口 灯笼 果园 引擎 书信 山谷 厨房 河流 教师 市场 提琴 窗户 花园 桥梁 罗盘 草地 船长 图书馆 村庄
        镜子 森林 车站 岛屿 烟囱 羽毛 裁缝 蜡烛 面包房 雷声 毛毯""",
    "verb": "携带 观察 修理 记得 跟随 描绘 测量 回答 穿过 收集 描述 借用 访问 擦亮 围绕 询问 支持 想象 保护 建造",
    "adjective": """安静 弯曲 遥远 金色 耐心 空洞 温柔 狭窄 固执 明亮 古老 小心 突然 沉重 好奇 疲倦 诚实 冰冷
        谦虚 聪明""",
}

TINY = {
    "profile": "tiny",
    "report.every_refresh": "false",
    "ingest.max_shard_bytes": "12000",
    "ingest.max_bad_share": "0.1",
    "tokenize.vocab_size": "600",
    "tokenize.min_training_bytes": "1000",
    "tokenize.heldout_share": "0.2",
    "train.context_tokens": "32",
    "train.hidden_size": "32",
    "train.num_layers": "1",
    "train.num_heads": "2",
    "train.num_kv_heads": "1",
    "train.intermediate_size": "64",
    "train.batch_rows": "8",
    "train.num_epochs": "1",
    "train.max_steps": "none",
    "train.budget_minutes": "none",
    "train.start_documents": "12",
    "train.precision": "fp32",
    "train.threads": "1",
    "evaluate.max_documents": "12",
    "evaluate.max_document_characters": "300",
    "evaluate.num_resamples": "100",
    "evaluate.noise_documents": "2",
    "evaluate.speed_tokens": "4",
    "quantize.parity_documents": "2",
    "quantize.parity_tokens": "16",
    "register.model_name": "nightshift-tiny",
    "register.gate.min_documents": "2",
    "register.gate.num_resamples": "100",
    "register.gate.max_variant_loss_share": "0.5",
}


def english(number: int) -> str:
    """An English document of some 110 words that passes the rules; every number gives another one."""
    noun, verb, adjective = _choices(ENGLISH_WORDS, number)
    return "\n".join(
        f"The {adjective()} {noun()} {verb()} the {adjective()} {noun()}, and a {noun()} {verb()} it."
        for _ in range(NUM_SENTENCES)
    )


def chinese(number: int) -> str:
    """A Chinese document of some 170 characters; every number gives another one."""
    noun, verb, adjective = _choices(CHINESE_WORDS, number)
    return "\n".join(
        f"{adjective()}的{noun()}{verb()}了{adjective()}的{noun()}，然后{noun()}{verb()}它。"
        for _ in range(NUM_SENTENCES)
    )


def _choices(words: Mapping[str, str], seed: int) -> list[Callable[[], str]]:
    dice = random.Random(seed)
    return [partial(dice.choice, words[kind].split()) for kind in ("noun", "verb", "adjective")]


def write_lines(path: Path, documents: Mapping[str, str]) -> Path:
    """A JSONL file of documents by id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n" for name, text in documents.items()]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def write_corpus(folder: Path) -> Path:
    """62 documents: 54 of their own, 4 exact and 4 near duplicates of English ones. Every sixth English one has an
    e-mail address."""
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "a_english.jsonl", {f"en-{n}": _with_address(n) for n in range(24)})
    write_lines(folder / "b_chinese.jsonl", {f"zh-{n}": chinese(n) for n in range(14)})
    copies = {f"copy-{n}": _with_address(n) for n in range(4)}
    near = {f"near-{n}": _with_address(n) + " Enough." for n in range(4, 8)}
    write_lines(folder / "copies.jsonl", copies | near)
    for n in range(100, 108):
        (folder / f"note_{n}.txt").write_text(english(n), encoding="utf-8")
    for n in range(200, 204):
        (folder / f"page_{n}.md").write_text(f"# Page {n}\n\n{english(n)}\n", encoding="utf-8")
    for n in range(300, 304):
        paragraphs = "".join(f"<p>{line}</p>" for line in english(n).split("\n"))
        page = f"<!doctype html><html><head><title>Page {n}</title></head><body><article>{paragraphs}</article></body>"
        (folder / f"site_{n}.html").write_text(f"{page}</html>", encoding="utf-8")
    return folder


def _with_address(number: int) -> str:
    return english(number) + (f"\nWrite to reader{number}@example.com about it." if number % 6 == 0 else "")


def arguments(workspace: Path, source: Path, **changes: str) -> list[str]:
    """The settings of a tiny night for the command line. Changes by name: `train__max_steps="2"`."""
    files = [{"kind": "files", "name": SOURCE, "path": str(source)}]
    named = {**TINY, "workspace": str(workspace), "ingest.sources": json.dumps(files)}
    named |= {name.replace("__", "."): value for name, value in changes.items()}
    return [part for name, value in named.items() for part in (f"--{name}", value)]


def tiny_settings(workspace: Path, source: Path, **changes: str) -> Settings:
    """The same settings as an object."""
    words = arguments(workspace, source, **changes)
    pairs = [(words[at].removeprefix("--"), words[at + 1]) for at in range(0, len(words), 2)]
    return resolve(None, {}, pairs).settings


def environment(**more: str) -> dict[str, str]:
    """Of a night's process: ours without settings or failpoints of somebody else, with the test key."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("NIGHTSHIFT_", "PREFECT_"))}
    return {**own, "NIGHTSHIFT_SCRUB_KEY": KEY, **more}


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    status: int
    out: str
    err: str


def nightshift(*words: str, **more: str) -> Ended:
    """Run the command line as a user does, in a session of its own. `more` are environment variables."""
    command = [sys.executable, "-c", "from flows.cli import main; main()", *words]
    done = subprocess.run(
        command,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=NIGHT_SECONDS,
        start_new_session=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def run_night(workspace: Path, source: Path, **changes: str) -> Ended:
    """`nightshift run` with the settings of a tiny night."""
    return nightshift("run", *arguments(workspace, source, **changes))


class InlineEngine:
    """Runs the jobs of a step in this process, one after the other: what a test has no second process for."""

    def map(
        self, function: Callable[[Any], Any], jobs: Sequence[Any], *, deadline_seconds: float, what: str
    ) -> Iterator[tuple[int, Any]]:
        """See `Engine.map`."""
        yield from ((index, function(job)) for index, job in enumerate(jobs))

    def call(self, function: Callable[[Any], Any], job: Any, *, deadline_seconds: float, what: str) -> Any:
        """See `Engine.call`."""
        return function(job)


@contextmanager
def night_here(settings: Settings) -> Iterator[Night]:
    """A night in this process, without Prefect and without worker processes."""
    workspace = Workspace(settings.workspace.resolve())
    with workspace.lock():
        settle(workspace.root)
        record = new_run("tiny", "refresh", settings.profile)
        night = Night(settings, workspace, InlineEngine(), record, LogReporter(), PlainRuntime())  # type: ignore[arg-type]
        try:
            yield night
            night.end("completed", "")
        except BaseException as exc:
            night.end("failed", type(exc).__name__)
            raise


def refresh(settings: Settings) -> DataPlan:
    """What the flow `refresh` does, in this process. Set NIGHTSHIFT_SCRUB_KEY first. The plan that was done."""
    with night_here(settings) as night:
        plan = plan_data(settings, night.workspace)
        refresh_data(night)
    return plan


@dataclass(frozen=True)
class House:
    """A workspace and the folder its documents come from."""

    workspace: Path
    corpus: Path


def copy_house(house: House, target: Path) -> House:
    """A copy of a workspace and its documents, times and all, so that nothing seems touched."""
    copy = House(target / "workspace", target / "corpus")
    shutil.copytree(house.workspace, copy.workspace, symlinks=True)
    shutil.copytree(house.corpus, copy.corpus)
    settle(copy.workspace)
    return copy


def artifacts(workspace: Path) -> dict[str, Manifest]:
    """All artifacts of a workspace by "stage/fingerprint"."""
    folders = sorted(path.parent for path in (workspace / "artifacts").glob("[!.]*/*/manifest.json"))
    return {f"{folder.parent.name}/{folder.name}": read_manifest(folder) for folder in folders}


def sealed_at(workspace: Path) -> dict[str, int]:
    """When each artifact was sealed, by "stage/fingerprint"; also of those whose manifest cannot be read."""
    manifests = (workspace / "artifacts").glob("[!.]*/*/manifest.json")
    return {f"{path.parent.parent.name}/{path.parent.name}": path.stat().st_mtime_ns for path in manifests}


def damage(folder: Path) -> None:
    """Flip a bit in the largest data file, or cut the manifest where there is no other."""
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    data = [path for path in files if path.name not in ("manifest.json", ".verified.json")]
    path = data[-1] if data else folder / "manifest.json"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content if data else content[:10])
