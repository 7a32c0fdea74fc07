"""How tables and panels look, in JupyterLab (light and dark) and, with the same classes, in the report."""

from __future__ import annotations

from typing import Final

from gocoffee_ops.model import Status

# A shape beside the colour: a verdict is told without seeing colours.
MARKS: Final = {Status.CRIT: "✖", Status.UNKNOWN: "?", Status.WARN: "▲", Status.OK: "✔"}
NOT_TEX: Final = "mathjax_ignore tex2jax_ignore"  # what MathJax 4 and 3, and what 2 leaves alone

CSS: Final = """
.gc{color:var(--gc-fg,var(--jp-content-font-color1,#1b1f24));font-size:var(--gc-size,13px);line-height:1.45}
.gc-box{overflow-x:auto;max-width:100%}
.gc table{border-collapse:collapse;margin:0;font-size:inherit;border:0;font-variant-numeric:tabular-nums}
.gc th,.gc td{padding:.3em .7em;text-align:left!important;vertical-align:top;border:0;border-bottom:1px solid
 var(--gc-line,var(--jp-border-color2,#d0d7de));color:inherit;white-space:normal;max-width:34em;overflow-wrap:break-word}
.gc thead th{font-weight:600;vertical-align:bottom;border-bottom-width:2px;
 background:var(--gc-head,var(--jp-layout-color2,#f3f4f6))}
.gc tbody tr{background:none!important}
.gc .gc-num{text-align:right!important}.gc td.gc-num{white-space:nowrap}
.gc .gc-time,.gc .gc-name{white-space:nowrap}
.gc td:has(>.gc-name){max-width:none}
.gc .gc-words{min-width:20em}.gc .gc-phrase{min-width:11em}
.gc .gc-cap{display:block;position:sticky;left:0;width:fit-content;min-width:min(30em,75vw);max-width:min(100%,60em)}
.gc .gc-na{color:var(--gc-dim,var(--jp-content-font-color2,#5b636d));font-style:italic}
.gc caption{caption-side:top;text-align:left;padding:.2em 0 .4em;color:var(--gc-dim,var(--jp-content-font-color2,#5b636d))}
.gc caption code{color:inherit;background:none;padding:0}
.gc .gc-sql{font-family:var(--jp-code-font-family,ui-monospace,Menlo,Consolas,monospace);font-size:.92em;line-height:1.4;
 white-space:pre-wrap;overflow-wrap:anywhere;max-height:9.5em;overflow-y:auto;min-width:20em;max-width:46em;margin:0}
.gc .gc-also{margin:.3em 0 0;padding-left:1.2em;color:var(--gc-dim,var(--jp-content-font-color2,#5b636d))}
.gc-note{margin:.2em 0 .5em;padding:.35em .7em;border-left:4px solid #b45309}
.gc-note.gc-gap{border-left-color:#6e4fb0}
.gc-demo{width:fit-content;margin:.2em 0 .5em;padding:.15em .6em;border:1px dashed #b45309;border-radius:4px;font-weight:600}
.gc-badge{display:inline-block;padding:.1em .55em;border-radius:4px;font-weight:700;white-space:nowrap;
 color:#fff;background:#5b636d}
.gc-crit{background:#b3261e;color:#fff}.gc-warn{background:#ffc53d;color:#201600}
.gc-unknown{background:#6e4fb0;color:#fff}.gc-ok{background:#1a7f37;color:#fff}
.gc-verdict{display:flex;flex-wrap:wrap;align-items:center;gap:.8em;margin:.3em 0 .6em}
.gc-verdict .gc-badge{font-size:1.9em;padding:.15em .6em}
.gc details>summary{cursor:pointer;padding:.35em 0}
"""


def wrap(body: str) -> str:
    """HTML of ours with the style it needs; the report takes the style out and brings its own.

    JupyterLab reads what stands between two dollar signs as TeX, and statements have parameters called $1 and $2.
    """
    return f"<div class='gc {NOT_TEX}'><style>{CSS}</style>{body}</div>"


def badge(status: Status) -> str:
    """A verdict as colour, shape and word."""
    return f"<b class='gc-badge gc-{status.value.lower()}'>{MARKS[status]} {status.value}</b>"
