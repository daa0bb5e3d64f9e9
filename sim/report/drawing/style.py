"""How a page looks: in light and dark, on a desk, on a phone, on paper; the colour-blind can tell its colours apart."""

from __future__ import annotations

TONES = {
    "compute": ("#0072b2", "#fff"),
    "across": ("#d55e00", "#000"),
    "inside": ("#e69f00", "#000"),
    "waiting": ("#cc79a7", "#000"),
    "packing": ("#009e73", "#000"),
    "idle": ("#a3a9b0", "#000"),
    "good": ("#0072b2", "#fff"),
    "bad": ("#d55e00", "#000"),
    "unknown": ("#a3a9b0", "#000"),
}
"""Fill, and what is written on it: the colours of Okabe and Ito, which stand on white and on black."""
LIGHT = ("#0072b2", "#c64e00", "#00795a", "#a03b84", "#8a6a00", "#2b7fb8", "#57606a", "#7a1f3d")
_DARK = ("#58a6e0", "#f0883e", "#2fbf94", "#d98cc4", "#d9b23c", "#9ad0f5", "#b1bac4", "#e58aa0")
DASHES = ("none", "7 4", "2 3", "10 3 2 3")
"""Of lines, in turn: with the signs on them, no line needs its colour."""
USED = ("#8c959f", "#3b82c4", "#7b5cc0", "#c2378b", "#e8590c")
"""Of links: carries nothing, and by quarters; each stands on white and on black."""
HEAT = (
    "#440154",
    "#482475",
    "#414487",
    "#355f8d",
    "#2a788e",
    "#21918c",
    "#22a884",
    "#44bf70",
    "#7ad151",
    "#bddf26",
    "#fde725",
)
"""Of cells, from the least value to the most: viridis, whose lightness rises evenly, for every kind of sight."""

STYLE = """\
.crosshaul { color-scheme: light dark; --back: #fff; --text: #1f2328; --line: #d8dee4; --quiet: #59636e;
  --bar: #2da44e40; --soft: #f6f8fa; --edge: #0969da; --sea: #eef3f8; --land: #dfe3d8; --graticule: #c3ccd6;
  LIGHT
  color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
@media screen and (prefers-color-scheme: dark) { .crosshaul { --back: #0d1117; --text: #e6edf3; --line: #3d444d;
  --quiet: #9198a1; --bar: #3fb95050; --soft: #151b23; --edge: #4493f8; --sea: #141b26; --land: #2b3340;
  --graticule: #3a4654;
  DARK } }
.crosshaul h1 { font-size: 1.35em; line-height: 1.3; margin: 0 0 .6em; }
.crosshaul h2 { font-size: 1.05em; margin: 1.8em 0 .4em; }
.crosshaul p { max-width: 75ch; margin: .4em 0; overflow-wrap: break-word; white-space: pre-line; }
.crosshaul .quiet { color: var(--quiet); font-size: .93em; }
.crosshaul .strong { font-weight: 600; }
.crosshaul .wide { overflow-x: auto; margin: .4em 0 1em; }
.crosshaul table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.crosshaul th, .crosshaul td { padding: .3em .8em; text-align: left; vertical-align: top; }
.crosshaul tr > *:first-child { padding-left: 0; }
.crosshaul tr > * { border-bottom: 1px solid var(--line); }
.crosshaul thead tr > * { vertical-align: bottom; border-bottom-width: 2px; }
.crosshaul tbody th { font-weight: inherit; }
.crosshaul .right { text-align: right; }
.crosshaul .number { white-space: nowrap; }
.crosshaul tr.strong th, .crosshaul tr.strong td { font-weight: 600; }
.crosshaul td.bar { min-width: 7em; }
.crosshaul dl { display: grid; grid-template-columns: minmax(6em, max-content) minmax(0, 75ch); gap: .2em 1.2em;
  margin: .6em 0; }
.crosshaul dt { font-weight: 600; overflow-wrap: anywhere; max-width: 24ch; }
.crosshaul dd { margin: 0; overflow-wrap: anywhere; }
.crosshaul dd p { margin: 0; }
"""
"""What a report needs that is nothing but text, facts and tables."""

DRAWN = """\
.crosshaul figure { margin: .6em 0 1em; max-width: 760px; }
.crosshaul svg { width: 100%; height: auto; display: block; }
.crosshaul svg.narrow { display: none; }
.crosshaul svg text { fill: currentColor; font-size: 12px; }
.crosshaul svg text.strong { font-weight: 600; }
.crosshaul svg text.small { font-size: 11px; }
.crosshaul svg text.faint { font-size: 10.5px; fill: var(--quiet); }
.crosshaul svg text.on { font-size: 11px; }
.crosshaul svg text.halo { paint-order: stroke; stroke: var(--back); stroke-width: 3.5px; stroke-linejoin: round; }
.crosshaul svg .grid { stroke: var(--line); }
.crosshaul svg .graticule { stroke: var(--graticule); stroke-dasharray: 2 3; }
.crosshaul svg .mark { stroke: currentColor; stroke-dasharray: 4 3; }
.crosshaul svg polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
.crosshaul svg .sea { fill: var(--sea); }
.crosshaul svg .land { fill: var(--land); }
.crosshaul svg .wire { stroke-linecap: round; }
.crosshaul svg .site { fill: var(--text); stroke: var(--back); stroke-width: 2; }
.crosshaul svg .router { fill: var(--back); stroke: var(--text); stroke-width: 1.5; }
.crosshaul .legend { list-style: none; display: flex; flex-wrap: wrap; gap: .25em 1.4em; padding: 0; margin: .4em 0; }
.crosshaul .legend li { display: flex; align-items: center; }
.crosshaul svg.key { display: inline-block; width: 14px; height: 14px; flex: none; margin-right: .5em; }
.crosshaul svg.key.long { width: 34px; }
.crosshaul svg.key.scale { width: 154px; }
"""
"""What drawings need besides."""

COPIED = """\
.crosshaul pre { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .8em 1em;
  overflow: auto; max-height: 26em; margin: .4em 0; font: 13px/1.5 ui-monospace, monospace; }
.crosshaul button { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--quiet);
  border-radius: 6px; padding: .25em .9em; cursor: pointer; }
.crosshaul button[hidden] { display: none; }
"""
"""What text to copy needs besides."""

PAGE = """\
body { margin: 0; background: #fff; }
main, footer { display: block; max-width: 1200px; margin: 0 auto; padding: 1.6em 1.2em; }
footer.crosshaul { padding-top: 0; }
:focus-visible { outline: 3px solid var(--edge); outline-offset: 2px; }
:root { color-scheme: light dark; }
@media screen and (prefers-color-scheme: dark) { body { background: #0d1117; } }
@media (max-width: 640px) {
  .crosshaul svg.broad { display: none; }
  .crosshaul svg.narrow { display: block; max-width: 480px; }
  .crosshaul dl { display: block; }
  .crosshaul dd { margin: 0 0 .6em; }
  .crosshaul dt { max-width: none; }
  .crosshaul th, .crosshaul td { padding: .3em .5em; }
  .crosshaul th:not(.number):not(.right), .crosshaul td:not(.number):not(.right) { min-width: 7em; }
}
@media print {
  .crosshaul { font-size: 10.5px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .crosshaul .wide { overflow: visible; }
  .crosshaul th, .crosshaul td { padding: .2em .5em; }
  .crosshaul svg.broad { display: block; }
  .crosshaul svg.narrow, .crosshaul button { display: none; }
  .crosshaul figure { max-width: 600px; }
  .crosshaul figure, .crosshaul tr { break-inside: avoid; }
  .crosshaul h2 { break-after: avoid; }
  .crosshaul pre { max-height: none; overflow: visible; white-space: pre-wrap; font-size: 9.5px; }
  main, footer { max-width: none; padding: 0; }
}
"""
"""What only a page of its own has: its edges, a phone, paper."""


def style(*, drawn: bool, copied: bool) -> str:
    """The style of a report, without what it has no use for."""
    light, dark = (" ".join(f"--c{n}: {each};" for n, each in enumerate(colours)) for colours in (LIGHT, _DARK))
    base = STYLE.replace("LIGHT", light).replace("DARK", dark)
    return base + (DRAWN + _colours() if drawn else "") + (COPIED if copied else "")


def _colours() -> str:
    lines = [
        f".crosshaul .line{n} {{ stroke: var(--c{n}); fill: var(--c{n}); }} "
        f".crosshaul polyline.line{n} {{ fill: none; stroke-dasharray: {DASHES[n % len(DASHES)]}; }}"
        for n in range(len(LIGHT))
    ]
    lines += [
        f".crosshaul svg .{name} {{ fill: {fill}; }} .crosshaul svg text.on.{name} {{ fill: {on}; }}"
        for name, (fill, on) in TONES.items()
    ]
    lines += [f".crosshaul svg .used{n} {{ stroke: {colour}; }}" for n, colour in enumerate(USED)]
    lines += [".crosshaul svg .used0 { stroke-dasharray: 3 5; }", ".crosshaul svg .unused { stroke: var(--quiet); }"]
    lines += [f".crosshaul svg .heat{n} {{ fill: {colour}; }}" for n, colour in enumerate(HEAT)]
    lines += [
        ".crosshaul svg .cold { fill: none; stroke: var(--line); }",
        ".crosshaul rect { shape-rendering: crispEdges; }",
    ]
    return "\n".join(lines) + "\n"
