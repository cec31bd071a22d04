"""Networks that have sent too many wrong keys, as far as this process knows.

The counter is shared; this memory is not, so that a request with a good key costs no statement more. A process that has
not heard of a block yet learns of it with the next wrong key that the network sends it, which it answers with 429 too.
"""

import time
from threading import Lock

# More are not remembered; the counter still holds them.
_MOST = 10_000


class BlockedNetworks:
    """Thread-safe; forgets by itself."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._lock = Lock()

    def block(self, network: str, *, seconds: int) -> None:
        """Blocks `network` for so long."""
        now = time.monotonic()
        with self._lock:
            if len(self._until) >= _MOST:
                self._until = {name: until for name, until in self._until.items() if until > now}
            if len(self._until) < _MOST:
                self._until[network] = now + seconds

    def __bool__(self) -> bool:
        """Whether any network may be blocked. Where none is, nobody has to find out which one a request comes from."""
        return bool(self._until)

    def seconds_left(self, network: str) -> int:
        """Whole seconds for which `network` stays blocked; 0: it is not."""
        until = self._until.get(network)
        return 0 if until is None else max(0, -int(-(until - time.monotonic()) // 1))

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._until.clear()


blocked_networks = BlockedNetworks()
