"""A clock on which waiting takes no time."""

from __future__ import annotations


class FakeClock:
    """Time passes only by sleeping. ``slept`` is every wait, in seconds."""

    def __init__(self, now: float = 1_794_816_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
