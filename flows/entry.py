"""The command `nightshift`, from its first line on: a Ctrl-C while the rest is imported ends it with a word, too.

So does a limit on memory under which the rest cannot be imported.
"""

import os
import signal
import sys
from types import FrameType

from flows.stopped import STOPPED
from pipeline_lib.base.errors import SettingsError
from pipeline_lib.base.memory import LOOK_BYTES, check_addresses


def main() -> None:
    """Run the command line."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # a shell starts what it puts into the background without it
        signal.signal(signal.SIGINT, _stop)
    try:
        check_addresses(LOOK_BYTES)
    except SettingsError as exc:
        print(exc, file=sys.stderr)
        sys.exit(exc.exit_code)
    from flows.cli import main as command  # a second of imports

    signal.signal(signal.SIGINT, before)
    command()


def _stop(number: int, _frame: FrameType | None) -> None:
    """Nothing has begun, so nothing is to be ended; an exception would come out in the middle of an import."""
    os.write(2, f"{STOPPED}\n".encode())
    os._exit(128 + number)
