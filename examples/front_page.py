"""The page that shows what the demo found: one HTML file with both figures and the front as a table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from plot_front import FONT, NARROW, STYLE, WIDTH, Run, best_within, front_svg, growth_svg, mark_svg, size

PAGE = f"""
body {{ margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 {FONT}; }}
main {{ max-width: 960px; margin: 0 auto; padding: 40px 20px 64px; }}
h1 {{ font-size: 30px; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 8px; }}
p {{ margin: 0 0 14px; max-width: 68ch; color: var(--soft); }}
svg {{ display: block; width: 100%; height: auto; margin: 0 0 36px; overflow: visible; }}
svg.narrow {{ display: none; }}
svg.mark {{ display: inline-block; width: 14px; height: 14px; margin: 0 8px 0 0; vertical-align: -0.1em; }}
h2 {{ font-size: 21px; letter-spacing: -0.01em; margin: 36px 0 6px; }}
h2 + p {{ font-size: 14px; }}
a {{ color: var(--gp); }}
.scroll {{ overflow-x: auto; background:
  linear-gradient(270deg, var(--paper) 50%, transparent) right / 80px 100% no-repeat local,
  linear-gradient(270deg, var(--axis), transparent) right / 36px 100% no-repeat scroll; }}
table {{ border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: right; padding: 7px 0 7px 18px; border-bottom: 1px solid var(--rule); white-space: nowrap; }}
th:first-child, td:first-child {{ padding-left: 0; text-align: left; }}
th {{ font-weight: 500; color: var(--soft); }}
tbody th {{ font-weight: 650; color: var(--ink); }}
.runs {{ margin: 24px 0 12px; font-size: 16px; }}
.runs thead th {{ font-size: 14px; white-space: normal; vertical-align: bottom; }}
.runs small {{ display: block; font-size: 13px; color: var(--soft); }}
code {{ font: 0.92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; color: var(--ink); }}
footer {{ margin-top: 40px; font-size: 14px; }}
@media (max-width: 640px) {{
  main {{ padding: 24px 16px 48px; }}
  h1 {{ font-size: 26px; }}
  svg.wide {{ display: none; }}
  svg.narrow {{ display: block; }}
  th, td {{ padding-left: 12px; }}
}}
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
{_comparison(runs, limit)}
<p>One run of {len(runs[0].points)} trials is one draw: with two workers the Gaussian process's study differs from
run to run; random and grid repeat.</p>
<h2>Accuracy against size</h2>
<p>{escape(subtitle)}</p>
{"".join(front_svg(runs, limit, alone=False, width=width) for width in (WIDTH, NARROW))}
<h2>Hypervolume after each trial</h2>
<p>The area under the front, in accuracy times powers of ten of size, from 50% and 1 MB.</p>
{"".join(growth_svg(runs, width=width) for width in (WIDTH, NARROW))}
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


def _comparison(runs: Sequence[Run], limit: float) -> str:
    """The algorithms one under the other, each with its mark: what each found, and the figures' legend."""
    lines = []
    for run in runs:
        best = best_within(run.points, limit)
        found = f"{best.accuracy:.1%} <small>in {size(best.size_bytes)}</small>" if best else "none"
        lines.append(
            f'<tr><th scope="row">{mark_svg(run.kind)}{escape(run.name)}</th><td>{found}</td>'
            f"<td>{run.hypervolume:.3f}</td><td>{len(run.front)}</td></tr>"
        )
    names = ("algorithm", f"best under {size(limit)}", "hypervolume", "models on its front")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return f'<table class="runs"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
