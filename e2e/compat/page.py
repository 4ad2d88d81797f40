"""The table of docs/compat.md. In: rows. Out: a word where what is committed is not what came out; with UPDATE=1
in the environment it is written again."""

import difflib
import os
from pathlib import Path

from matrix import BY_ENVOY, GRPC_ALONE, SIDECAR
from meant import REASONS

PAGE = Path(__file__).parents[2] / "docs" / "compat.md"
BEGIN, END = "<!-- written by `UPDATE=1 make compat` -->\n", "<!-- up to here -->\n"
WAYS = (SIDECAR, BY_ENVOY, GRPC_ALONE)


def compare(rows):
    page = PAGE.read_text()
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    fresh = before + BEGIN + table(rows) + END + after
    if os.environ.get("UPDATE"):
        PAGE.write_text(fresh)
    elif fresh != page:
        differ = difflib.unified_diff(page.splitlines(), fresh.splitlines(), "docs/compat.md", "this run", n=0, lineterm="")
        # No failure: each call was judged by itself, and a server that breaks its connections does so in more than one way.
        print("\n".join(["docs/compat.md is not what came out; UPDATE=1 make compat writes it again", *differ]), flush=True)


def table(rows):
    letters = {reason: chr(ord("a") + index) for index, reason in enumerate(REASONS)}
    lines = [
        "| server | client | calls | answered at the server | through the sidecar | through Envoy and the sidecar "
        "| through a sidecar with gRPC alone | differs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for server, client in dict.fromkeys((row.server, row.client) for row in rows):
        ways = {row.way: row for row in rows if (row.server, row.client) == (server, client)}
        met = {letters[line.reason] for row in ways.values() for line in row.met}
        through = [cell(ways.get(way), ways[SIDECAR]) for way in WAYS]
        first = ways[SIDECAR]
        lines.append(
            f"| {server} | {client} | {first.calls} | {first.direct} | {' | '.join(through)} | {', '.join(sorted(met))} |"
        )
    lines.append("")
    lines += [f"- **{letters[reason]}** {text}" for reason, text in REASONS.items()]
    return "\n".join(lines) + "\n"


def cell(row, whole):
    if row is None:
        return ""
    # One of the two models.
    return f"{row.through}" if row.calls == whole.calls else f"{row.through} of {row.calls}"
