"""The floor of a sync: ask for the same pages and throw them away, then write the same files plainly.

    python bench/pages.py REQUESTS.json FILES DIR

``REQUESTS.json`` is a list of [url, headers]; every file below ``FILES`` is written below ``DIR``. Prints the seconds
of each of the two parts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import httpx


def main() -> None:
    """Page, then write."""
    requests = json.loads(Path(sys.argv[1]).read_bytes())
    source, target = Path(sys.argv[2]), Path(sys.argv[3])
    files = [(f.relative_to(source), f.read_bytes()) for f in source.rglob("*") if f.is_file()]
    begin = time.perf_counter()
    with httpx.Client(timeout=120) as client:
        for url, headers in requests:
            client.get(url, headers=headers).json()
    paged = time.perf_counter()
    for path, content in files:
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    print(f"{paged - begin} {time.perf_counter() - paged}")


if __name__ == "__main__":
    main()
