"""The page that shows what the demo found: one HTML file with both figures and the front as a table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from plot_front import FONT, STYLE, Run, best_within, front_svg, growth_svg, size

PAGE = f"""
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 {FONT}; }}
main {{ max-width: 960px; margin: 0 auto; padding: 40px 20px 64px; }}
h1 {{ font-size: 30px; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 8px; }}
p {{ margin: 0 0 14px; max-width: 68ch; color: var(--soft); }}
dl {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 16px 24px; margin: 28px 0 40px;
  padding: 14px 0; border-block: 1px solid var(--rule); }}
dt {{ font-size: 13px; color: var(--soft); }}
dd {{ margin: 0; font-size: 23px; font-weight: 650; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }}
dd small {{ font-size: 14px; font-weight: 400; color: var(--soft); letter-spacing: 0; }}
svg {{ display: block; width: 100%; min-width: 640px; height: auto; margin: 0 0 36px; }}
h2 {{ font-size: 21px; letter-spacing: -0.01em; margin: 0 0 10px; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: right; padding: 7px 0 7px 18px; border-bottom: 1px solid var(--rule); white-space: nowrap; }}
th:first-child, td:first-child {{ padding-left: 0; text-align: left; }}
th {{ font-weight: 500; color: var(--soft); }}
code {{ font: 0.92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; color: var(--ink); }}
footer {{ margin-top: 40px; font-size: 14px; }}
"""


def html(
    runs: Sequence[Run], subtitle: str, limit: float, rows: Sequence[Sequence[str]], notes: Sequence[str]
) -> str:
    """rows: the table of the first run's front, head first. notes: sentences for the foot, as HTML."""
    head, *body = [[escape(cell) for cell in row] for row in rows]
    table = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in body)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Trimtab: accuracy against size on digits</title>
<style>{STYLE}{PAGE}</style>
</head>
<body><main>
<h1>Small, and still accurate</h1>
<p>A perceptron that reads handwritten digits, tuned for accuracy and size by three algorithms with the same budget.
Every point is a trained model; the steps are the fronts: the models that no other beats in both. Point at one to see
what it is.</p>
<dl>{"".join(_facts(runs, limit))}</dl>
<div class="scroll">{front_svg(runs, subtitle, limit, alone=False)}</div>
<div class="scroll">{growth_svg(runs, alone=False)}</div>
<h2>The front that the Gaussian process found</h2>
<div class="scroll"><table>
<thead><tr>{"".join(f"<th>{cell}</th>" for cell in head)}</tr></thead>
<tbody>
{table}
</tbody>
</table></div>
<footer>{"".join(f"<p>{note}</p>" for note in notes)}</footer>
</main></body>
</html>
"""


def _facts(runs: Sequence[Run], limit: float) -> list[str]:
    best = best_within(runs[0].points, limit)
    facts = [
        (
            f"best under {size(limit)}",
            f"{best.accuracy:.1%}" if best else "none",
            size(best.size_bytes) if best else "",
        )
    ]
    facts += [
        (f"hypervolume, {run.name}", f"{run.hypervolume:.3f}", f"{len(run.front)} on the front") for run in runs
    ]
    return [
        f"<div><dt>{escape(name)}</dt><dd>{value} <small>{escape(aside)}</small></dd></div>"
        for name, value, aside in facts
    ]
