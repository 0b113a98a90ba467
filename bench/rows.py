"""Prints 10,000 rows of six fields: `output` as crmctl does into a pipe, `join` as plainly as Python can."""

from __future__ import annotations

import sys

COLUMNS = ("account", "name", "stage", "owner", "arr", "renewal")
ROWS = [
    dict(
        zip(
            COLUMNS,
            (f"acme-{n}", f"Acme {n}", "customer", "mira", str(n), "2027-03-31"),
            strict=True,
        )
    )
    for n in range(10_000)
]


def main() -> None:
    """Print them one way or the other."""
    if sys.argv[1] == "join":
        lines = ("\t".join([row[column] for column in COLUMNS]) for row in ROWS)
        print("\n".join(lines))
    else:
        from crmctl.render.terminal import Output

        Output().records(COLUMNS, ROWS)


if __name__ == "__main__":
    main()
