"""`python -m carriers.simulated`: the simulated carrier until it is interrupted."""

import argparse
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

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


def serve(options: Mapping[str, Any], *, announce: Callable[[str], object]) -> None:
    """Serve until interrupted. `announce` is called with the CARRIER_URL as soon as the port is open.

    Raises OSError if the port is taken, with a sentence.
    """
    faults = Faults().changed({field.name: options[field.name] for field in fields(Faults)})
    try:
        server = SimulatorServer(port=options["port"], data=options["data"], faults=faults, seed=options["seed"])
    except OSError as error:
        raise OSError(f"Cannot listen on 127.0.0.1:{options['port']}: {error.strerror}.") from error
    announce(server.url)
    with suppress(KeyboardInterrupt):
        server.serve()


def main() -> None:
    """Serve, and print the CARRIER_URL where the caller does not know the port."""
    parser = argparse.ArgumentParser(prog="python -m carriers.simulated", description=__doc__)
    add_arguments(parser)
    options = vars(parser.parse_args())

    def announce(url: str) -> None:
        if options["port"] == 0:
            sys.stdout.write(f"{url}\n")
            sys.stdout.flush()

    try:
        serve(options, announce=announce)
    except OSError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
