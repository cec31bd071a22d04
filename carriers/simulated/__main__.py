"""`python -m carriers.simulated`: the simulated carrier until it is interrupted."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer

DEFAULT_PORT = 8001


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags, which the management command shares."""
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help=f"on 127.0.0.1 ({DEFAULT_PORT}); 0: a free one")
    parser.add_argument("--data", type=Path, help="a file that keeps its memory; without one it forgets")
    parser.add_argument("--seed", type=int, help="the same lots each time")
    for field in fields(Faults):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=0.0)


def serve(*, port: int, data: Path | None, seed: int | None, faults: Faults, announce: Callable[[str], object]) -> None:
    """Serve until interrupted. `announce` is called with the CARRIER_URL as soon as the port is open.

    Raises OSError if the port is taken.
    """
    server = SimulatorServer(port=port, data=data, faults=faults, seed=seed)
    announce(server.url)
    try:
        server.serve()
    except KeyboardInterrupt:
        return


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m carriers.simulated", description=__doc__)
    add_arguments(parser)
    given = vars(parser.parse_args(arguments))
    faults = Faults().changed({field.name: given[field.name] for field in fields(Faults)})

    def announce(url: str) -> None:
        if given["port"] == 0:  # Any other port is known to the caller.
            sys.stdout.write(f"{url}\n")
            sys.stdout.flush()

    try:
        serve(port=given["port"], data=given["data"], seed=given["seed"], faults=faults, announce=announce)
    except OSError as error:
        sys.exit(f"Cannot listen on 127.0.0.1:{given['port']}: {error.strerror}.")


if __name__ == "__main__":
    main()
