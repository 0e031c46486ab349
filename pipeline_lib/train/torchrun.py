"""torchrun, which asks no server of names what this machine is called.

It writes the full name of the machine into events that nobody reads: where the name is in no file, that is a look-up
for each, and without a network each waits for its end.
"""

import socket

from torch.distributed.run import main


def _name(name: str = "") -> str:
    """In the place of `socket.getfqdn`, in this process alone."""
    return name or socket.gethostname()


if __name__ == "__main__":
    socket.getfqdn = _name
    main()
