"""Waiting, as an argument: tests wait in no time."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """A clock that only goes forward, in seconds, and can be waited on."""

    def monotonic(self) -> float:
        """Seconds since some moment in the past."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""
        ...

    def time(self) -> float:
        """Seconds since 1970, for dates in headers and tokens."""
        ...


class RealClock:
    """The machine's own clock."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        self._over.wait(seconds)

    def time(self) -> float:
        return time.time()

    def stop(self) -> None:
        """End every wait, those to come too."""
        self._over.set()


class Pace:
    """A token bucket: ``rate`` requests a second, and ``burst`` of them at once after a pause."""

    def __init__(self, rate: float, burst: float = 1) -> None:
        self._rate, self._burst = rate, burst
        self._tokens = burst
        self._at: float | None = None
        self._one_at_a_time = threading.Lock()

    def delay(self, clock: Clock) -> float:
        """Take one token; the seconds to wait before it may be used."""
        with self._one_at_a_time:
            now = clock.monotonic()
            if self._at is not None:
                self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            self._tokens -= 1
            return max(0.0, -self._tokens / self._rate)
