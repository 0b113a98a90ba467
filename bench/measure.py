"""Timing whole processes against each other: interleaved rounds, and the median of the pairwise ratios.

A machine's speed drifts and other work disturbs it. What runs a second apart is disturbed alike, so the
ratio within a round says more than any two medians.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


def nothing() -> None:
    """No preparation."""


@dataclass(frozen=True)
class Program:
    """A command to time. ``prepare`` runs before each round of it, untimed."""

    command: Sequence[str]
    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = nothing

    def run(self) -> float:
        """Seconds from start to end; its output goes nowhere, its failure ends the benchmark."""
        self.prepare()
        started = time.perf_counter()
        done = subprocess.run(
            self.command,
            cwd=self.folder,
            env=os.environ | self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        taken = time.perf_counter() - started
        if done.returncode:
            words = " ".join(self.command)
            raise RuntimeError(f"{words}: exit {done.returncode}: {done.stderr.decode()[-500:]}")
        return taken


@dataclass(frozen=True)
class Result:
    """Medians in milliseconds, and the median of the rounds' ratios with their extremes."""

    ours: float
    base: float
    ratio: float
    low: float
    high: float


def compare(ours: Program, base: Program, rounds: int) -> Result:
    """Run both in turn, once to warm up and then ``rounds`` times."""
    ours.run()
    base.run()
    pairs = [(ours.run(), base.run()) for _ in range(rounds)]
    ratios = [a / b for a, b in pairs]
    return Result(
        statistics.median(a for a, _ in pairs) * 1000,
        statistics.median(b for _, b in pairs) * 1000,
        statistics.median(ratios),
        min(ratios),
        max(ratios),
    )
