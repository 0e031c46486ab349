"""`python -m tests.bench.bare_loop WORK`: the plainest torch loop over the job that the training stage left in WORK.

What is compared is the loop, so model, optimizer and rows are made by the same functions; the steps are those of the
trunk. Prints tokens per second.
"""

import sys
import time
from collections import deque
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from pipeline_lib.store.token_shards import open_rows
from pipeline_lib.train.job import PLAN_FILE, read_job
from pipeline_lib.train.model import device, new_model, precision, special_ids
from pipeline_lib.train.optimizer import build_optimizer
from pipeline_lib.train.plan import read_plan
from pipeline_lib.train.rows import IGNORED, MixedRows, RowOrder, inputs_and_targets

LAST_STEPS = 20  # as the stage's own Pace


def main() -> None:
    """Print the rate as the last line."""
    work = Path(sys.argv[1])
    settings, inputs = read_job(work)
    plan = read_plan(work / PLAN_FILE)
    assert plan is not None
    torch.set_num_threads(settings.threads)
    table = open_rows(inputs.new_rows)
    batch, context = settings.batch_rows, table.row_tokens - 1
    order = RowOrder(table.num_rows, 0, settings.replay_share, settings.seed)
    rows = MixedRows(table, None, order, 0, plan.trunk_steps * batch)
    pad_id = special_ids(inputs.tokenizer)[1]
    model = new_model(settings, inputs.tokenizer, context).to(device()).train()
    optimizer = build_optimizer(model, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, plan.trunk_factor)
    is_bf16 = precision(settings) == "bf16"
    times: deque[float] = deque([time.monotonic()], maxlen=LAST_STEPS)
    for step in range(plan.trunk_steps):
        inputs_BT, targets_BT = inputs_and_targets(
            np.stack([rows[step * batch + place] for place in range(batch)]), pad_id
        )
        ids_BT, targets_N = (torch.from_numpy(array).to(device()) for array in (inputs_BT, targets_BT.ravel()))
        with torch.autocast(device().type, dtype=torch.bfloat16, enabled=is_bf16):
            scores_BTV = model(input_ids=ids_BT, use_cache=False).logits
        loss = cross_entropy(scores_BTV.float().flatten(0, 1), targets_N, ignore_index=IGNORED)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        times.append(time.monotonic())
    print(batch * context / median(after - before for before, after in pairwise(times)))


if __name__ == "__main__":
    main()
