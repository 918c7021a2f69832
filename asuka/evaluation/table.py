"""The table of an evaluation, for people."""

from collections.abc import Callable
from math import isinf

PARTS = {"groups": "By group", "hole_ratio": "By hole ratio"}
DIGITS = 4  # significant ones


def table(summary: dict) -> str:
    """summary.json as Markdown: composite beside raw, each with its 95 % interval; then groups and hole ratios."""
    overall = summary["overall"]
    keys = [key for key in overall if not key.startswith("raw_")]
    lines = [
        _heading(summary),
        _rows(["", "composite", "raw"], keys, lambda key: [_cell(overall[key]), _raw(overall, key)]),
        *(_parts(title, summary[part], keys) for part, title in PARTS.items() if len(summary[part]) > 1),
    ]
    if summary["real_against_real"]:
        words = ", ".join(f"{key} {_cell(number)}" for key, number in summary["real_against_real"].items())
        lines.append(f"Real against real, half of the photographs against the other half: {words}.")
    if "spread" in summary:
        words = ", ".join(f"{key} {value:.2g}" for key, value in summary["spread"].items())
        lines.append(f"Spread over {summary['provenance']['draws']} draws (standard deviation): {words}.")
    refused = {key: number["refused"] for key, number in overall.items() if "refused" in number and key in keys}
    lines += [f"- `{key}`: {why}" for key, why in refused.items()]
    return "\n\n".join(lines) + "\n"


def _parts(title: str, parts: dict, keys: list[str]) -> str:
    """A column for each group or range; without the rows in which no column has a number."""
    heads = [title, *(f"{name} ({part['pairs']})" for name, part in parts.items())]
    numbers = [part["numbers"] for part in parts.values()]
    told = [key for key in keys if any("value" in one[key] for one in numbers)]
    return _rows(heads, told, lambda key: [_cell(one[key]) for one in numbers])


def _heading(summary: dict) -> str:
    about = summary["provenance"]
    words = [f"{about['pairs']} pairs of {about['photographs']} photographs", f"protocol {about['protocol']}"]
    words += [f"seed {about['seed']}", f"weights {about['weights']}", f"commit {about['commit'][:12]}"]
    failed = f" **{len(summary['failed'])} pairs are missing.**" if summary["failed"] else ""
    return f"{', '.join(words)}. 95 % intervals over photographs.{failed}"


def _rows(heads: list[str], keys: list[str], cells: Callable[[str], list[str]]) -> str:
    body = [heads, ["---", *("---:" for _ in heads[1:])], *([key, *cells(key)] for key in keys)]
    return "\n".join(f"| {' | '.join(row)} |" for row in body)


def _raw(overall: dict, key: str) -> str:
    return _cell(overall[f"raw_{key}"]) if f"raw_{key}" in overall else ""


def _cell(number: dict) -> str:
    if "refused" in number:
        return "–"
    value = number["value"]
    if "low" not in number or isinf(value):
        return f"{value:.{DIGITS}g}"
    return f"{value:.{DIGITS}g} [{number['low']:.{DIGITS}g}, {number['high']:.{DIGITS}g}]"
