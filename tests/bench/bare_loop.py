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

from pipeline_lib.model.reading.index import IGNORED, Specials
from pipeline_lib.train.cursor import Cursor
from pipeline_lib.train.job import STEPS_FILE, read_job
from pipeline_lib.train.model import device, new_model, precision, special_ids
from pipeline_lib.train.optimizer import build_optimizer
from pipeline_lib.train.reading import Rows, open_reading
from pipeline_lib.train.steps import read_steps
from pipeline_lib.train.trainer import COLUMNS

LAST_STEPS = 20  # as the stage's own Pace


def main() -> None:
    """Print the rate as the last line."""
    work = Path(sys.argv[1])
    settings, inputs = read_job(work)
    steps = read_steps(work / STEPS_FILE)
    assert steps is not None
    torch.set_num_threads(settings.threads)
    batch, context = settings.batch_rows, settings.context_tokens
    specials = Specials(*special_ids(inputs.tokenizer))
    rows = Rows(
        open_reading(settings, inputs.tokens, Cursor(), inputs.num_rows), specials, 0, steps.trunk_steps * batch
    )
    model = new_model(settings, inputs.tokenizer).to(device()).train()
    optimizer = build_optimizer(model, settings)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, steps.trunk_factor)
    names = COLUMNS[settings.document_borders]
    is_bf16 = precision(settings) == "bf16"
    times: deque[float] = deque([time.monotonic()], maxlen=LAST_STEPS)
    for step in range(steps.trunk_steps):
        read = [rows[step * batch + place] for place in range(batch)]
        tensors = {name: torch.from_numpy(np.stack([row[name] for row in read])).to(device()) for name in names}
        targets_N = tensors.pop("labels").flatten()
        with torch.autocast(device().type, dtype=torch.bfloat16, enabled=is_bf16):
            scores_BTV = model(**tensors, use_cache=False).logits
        loss = cross_entropy(scores_BTV.float().flatten(0, 1), targets_N, ignore_index=IGNORED)
        loss.backward()  # type: ignore[no-untyped-call]  # torch says no types of it
        torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        times.append(time.monotonic())
    print(batch * context / median(after - before for before, after in pairwise(times)))


if __name__ == "__main__":
    main()
