"""The demo runs through, and what it claims is so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_demo_runs_to_its_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "demo.py")],
        env=os.environ | {"CRMCTL_DEMO_DIR": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for said in (
        "account: 2 new, 6 updated",
        "nothing new from salesforce",
        "calder-facilities: 58 at_risk",
        "nothing is due",
        "# Tamarack Rail Services: account review 2026 Q4",
    ):
        assert said in done.stdout
