"""The table on the terminal, JSON, and the section of docs/performance.md."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from lightgrid_bench.figures import Figure, Verdict
from lightgrid_bench.machine import Machine

#: What stands in the table: the row's name, and one of its figures.
Entry = tuple[str, Figure]

_BEGIN: Final = "<!-- bench: begin -->"
_END: Final = "<!-- bench: end -->"
_STYLES: Final = {
    Verdict.AIM: "bold green",
    Verdict.MET: "green",
    Verdict.MISSED: "bold red",
    Verdict.NOT_MEASURED: "yellow",
    Verdict.NO_BAR: "dim",
}
_HEADINGS: Final = (
    "row", "figure", "ours", "rival", "value, median (min..max)", "at most", "aim", "",
)  # fmt: skip


def show(entries: Sequence[Entry], console: Console) -> None:
    """Print the table."""
    table = Table(*_HEADINGS, title="lightgrid bench", title_justify="left")
    previous = ""
    for row, figure in entries:
        if previous and row != previous:
            table.add_section()
        cells = _cells(row if row != previous else "", figure)
        table.add_row(*cells[:-1], f"[{_STYLES[figure.verdict]}]{cells[-1]}[/]")
        previous = row
    console.print(table)


def write_json(entries: Sequence[Entry], machine: Machine, path: Path) -> None:
    """Write everything that was measured."""
    content = {
        "machine": machine.facts,
        "figures": [
            {
                "row": row,
                "name": figure.name,
                "unit": figure.unit,
                "ours": figure.ours,
                "rival_name": figure.rival_name,
                "rival": figure.rival,
                "values": figure.values,
                "median": None if math.isnan(figure.value) else figure.value,
                "at_least": figure.at_least,
                "bar": figure.bar,
                "aim": figure.aim,
                "verdict": figure.verdict.value,
                "note": figure.note,
                "missing": figure.missing,
            }
            for row, figure in entries
        ],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")


def write_markdown(entries: Sequence[Entry], machine: Machine, path: Path) -> None:
    """Put the table into a file: between the marks of an earlier one, or at its end."""
    lines = [_BEGIN, "", str(machine), "", _markdown_line((*_HEADINGS[:-1], "mark"))]
    lines.append("|---" * len(_HEADINGS) + "|")
    lines += [_markdown_line(_cells(row, figure)) for row, figure in entries]
    notes = [f"- {row}, {figure.name}: {figure.note}" for row, figure in entries if figure.note]
    section = "\n".join([*lines, "", *notes, "", _END])
    text = path.read_text() if path.exists() else ""
    before, found, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2] if found else "\n"
    path.write_text(f"{before}{section}{after}")


def _cells(row: str, figure: Figure) -> tuple[str, ...]:
    bar = "" if figure.bar is None else _number(figure.bar)
    aim = "" if figure.aim is None else _number(figure.aim)
    more = ">= " if figure.at_least else ""
    verdict = f"not measured: {figure.missing}" if figure.missing else figure.verdict.value
    return (
        row,
        figure.name,
        _spread(figure.ours, figure.unit),
        f"{_spread(figure.rival, '')} {figure.rival_name}".strip(),
        _spread(figure.values, "x" if figure.rival_name else figure.unit, with_range=True),
        more + bar if bar else "",
        more + aim if aim else "",
        verdict,
    )


def _spread(values: Sequence[float], unit: str, *, with_range: bool = False) -> str:
    if not values:
        return ""
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = (ordered[middle] + ordered[~middle]) / 2
    told = f"{_number(median)} {unit}".strip()
    if with_range and len(ordered) > 1:
        told += f" ({_number(ordered[0])}..{_number(ordered[-1])})"
    return told


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _markdown_line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
