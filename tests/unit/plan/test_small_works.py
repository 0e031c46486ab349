"""Works travel to their workers: they are small, whatever the settings hold, and have no key in them."""

import base64
import json
import pickle
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest

from pipeline_lib.ingest.settings import IngestSettings
from pipeline_lib.plan.data import plan_data
from pipeline_lib.run.board import Board
from pipeline_lib.run.carry import Node
from pipeline_lib.run.maker import Work
from pipeline_lib.stages import OF_A_BATCH
from pipeline_lib.stages import lay_out as lay_out_stage
from pipeline_lib.store.artifact import Ref
from pipeline_lib.store.workspace import Workspace
from pipeline_lib.tokenize.works import snapshot_work
from tests.fixed_night import Fixed, with_model
from tests.laid_out import SOMETHING
from tests.tiny_night import ENGLISH_WORDS, KEY, english, tiny_settings

pytestmark = pytest.mark.usefixtures("key_is_set")

MOST_BYTES = 4096


def assert_light(works: Iterable[Work]) -> None:
    secrets = (bytes.fromhex(KEY), KEY.encode(), KEY.upper().encode(), base64.b64encode(bytes.fromhex(KEY)))
    for work in works:
        pickled = pickle.dumps(work)
        assert len(pickled) < MOST_BYTES, f"{work.maker.name} {work.name}: {len(pickled)} bytes"
        read = pickle.loads(pickled)
        assert read.fingerprint == work.fingerprint
        said = pickled + repr(read).encode()  # settings travel compressed
        assert not any(secret in said for secret in secrets), work.maker.name


def test_every_work_of_a_night_is_small_and_holds_no_key(fixed: Fixed) -> None:
    assert_light(fixed.night.works.values())


def test_a_work_of_a_batch_of_two_hundred_shards_is_as_small(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}.txt").write_text(english(number), encoding="utf-8")
    settings = tiny_settings(tmp_path / "workspace", tmp_path, ingest__max_shard_bytes="1")
    plan = plan_data(settings, Workspace(tmp_path / "workspace"))
    (board,) = plan.boards
    assert board.num_shards == 200
    assert_light(work for step in board.steps for work in step.works)


def long_settings(root: Path) -> dict[str, str]:
    """What people write long lists into: terms, patterns of paths, sources."""
    terms = [" ".join(pair) for pair in product(*(ENGLISH_WORDS[kind].split() for kind in ("adjective", "noun")))][:300]
    exclude = [f"*/{term.replace(' ', '/')}/*" for term in terms]
    sources = [{"kind": "files", "name": f"source-{n}", "path": str(root), "exclude": exclude} for n in range(20)]
    rules = [{"label": f"L{n}", "terms": terms[10 * n : 10 * n + 10]} for n in range(30)]
    return {
        "clean__entity_rules": json.dumps(rules),
        "clean__terminology": json.dumps([f"{term}s" for term in terms]),
        "tokenize__domain_terms": json.dumps(terms),
        "tokenize__vocab_size": "1000",
        "ingest__sources": json.dumps(sources),
    }


def test_long_lists_in_the_settings_make_no_large_work(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text(english(1), encoding="utf-8")
    settings = tiny_settings(tmp_path / "workspace", tmp_path, **long_settings(tmp_path / "corpus"))
    plan = plan_data(settings, Workspace(tmp_path / "workspace"))
    assert len(plan.boards) == 20
    assert_light(plan.graph.values())


def test_a_work_after_a_thousand_nights_is_as_small(fixed: Fixed) -> None:
    """What is carried then are 15 nodes of each name at most; here are more."""
    nodes = tuple(Node(0, Ref("tokenize", f"{number:032x}")) for number in range(28))
    queries = [source.asked([]) for source in fixed.settings.of(IngestSettings).sources]
    board = Board(
        "1001-docs",
        {"key_id": "00000000"},
        {"raw": (SOMETHING("ingest"),)},
        {"batch": SOMETHING("ingest"), "tokenizer": SOMETHING("tokenize")},
        dict.fromkeys(("index", "shards", *(stage.word for stage in OF_A_BATCH)), nodes),
    )
    for stage in OF_A_BATCH:
        board = lay_out_stage(stage, fixed.settings, board)
    assert_light(work for step in board.steps for work in step.works)
    assert_light([snapshot_work(SOMETHING("tokenize"), board.before("shards"), queries)])


def test_the_works_of_a_model_are_small_and_do_not_say_where_examples_lie_in_what_decides(fixed: Fixed) -> None:
    night = with_model(fixed.root)
    assert_light(night.works.values())
    for work in night.works.values():
        assert str(fixed.root) not in json.dumps(work.decisive)
