"""`python -m flows.cli`: the command `nightshift`, where only the Python is known that it is installed for."""

from flows.cli import main

main()
