"""Pieces of an SVG image, as text. Colours come from its style sheet, so that one file does for light and dark."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = """
  svg { --paper: #ffffff; --box: #f6f8fa; --cell: #ffffff; --line: #8c959f; --ink: #1f2328; --faint: #59636e;
        --web: #8250df; --data: #0969da; --nat: #bc4c00; --voice: #1a7f37; --join: #ddf4ff; --joint: #0969da; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --box: #151b23; --cell: #0d1117; --line: #6e7681; --ink: #f0f6fc; --faint: #9198a1;
          --web: #ab7df8; --data: #4493f8; --nat: #db6d28; --voice: #3fb950; --join: #121d2f; --joint: #4493f8; }
  }
  text { font: 12px system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: var(--ink); }
  .title { font-size: 15px; font-weight: 600; }
  .name { font-weight: 600; }
  .faint { fill: var(--faint); font-size: 11px; }
  .route { fill: var(--faint); font: 10.5px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
  .paper { fill: var(--paper); }
  .box { fill: var(--box); stroke: var(--line); }
  .cell { fill: var(--cell); stroke: var(--line); stroke-width: 0.75; }
  .pill { fill: var(--paper); stroke: var(--line); }
  .join { fill: var(--join); stroke: var(--joint); }
  .web { fill: var(--web); } .data { fill: var(--data); } .nat { fill: var(--nat); } .voice { fill: var(--voice); }
  .way { stroke: var(--line); stroke-width: 1.5; fill: none; }
  .joint { stroke: var(--joint); stroke-width: 2; fill: none; }
  .spare { stroke-dasharray: 4 3; }
  .head { fill: var(--line); }
  .jointhead { fill: var(--joint); }
"""
_HEADS = "".join(
    f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    f'orient="auto-start-reverse"><path class="{name}" d="M0 0L8 4L0 8z"/></marker>'
    for name in ("head", "jointhead")
)


def image(width: float, height: float, title: str, description: str, parts: Iterable[str]) -> str:
    """A whole image; title and description are for those who do not see it."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" aria-labelledby="title description">'
    )
    named = f'<title id="title">{escape(title)}</title>\n<desc id="description">{escape(description)}</desc>'
    lines = [head, named, f"<style>{STYLE}</style>", f"<defs>{_HEADS}</defs>", rect(0, 0, width, height, "paper")]
    return "\n".join([*lines, *parts, "</svg>", ""])


def rect(x: float, y: float, width: float, height: float, style: str, *, round_by: float = 0) -> str:
    """A box; `style` is a class of the style sheet."""
    corners = f' rx="{round_by:g}"' if round_by else ""
    return f'<rect class="{style}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"{corners}/>'


def text(x: float, y: float, words: str, style: str = "", *, anchor: str = "") -> str:
    """A line of words on a base line."""
    kind = f' class="{style}"' if style else ""
    place = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text{kind} x="{x:g}" y="{y:g}"{place}>{escape(words)}</text>'


def arrow(x: float, top: float, bottom: float, style: str, head: str, *, up: bool, down: bool) -> str:
    """A vertical line with a head at one end, or at both."""
    ends = f' marker-start="url(#{head})"' * up + f' marker-end="url(#{head})"' * down
    return f'<path class="{style}" d="M{x:g} {top:g}V{bottom:g}"{ends}/>'
