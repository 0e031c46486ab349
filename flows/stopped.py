"""What is said to whoever stops a command, at whatever moment. Light: it is there before anything else is loaded."""

STOPPED = "stopped; finished shards are kept, the same command goes on from there"
