"""The page itself: controls at the left, the answer at the right; the script beside it fills in what follows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from importlib.metadata import version

from ..questions.catalog import rows
from ..strategies import STRATEGIES
from ..topology.model import topology_names
from .controls import Control, controls
from .networks import network
from .state import OWN_SIZE, State, workload_names

_CLEARED = {"topology": "bandwidth latency chips replicas", "workload": "params chips"}
"""Fields that were meant for what is chosen no longer."""
_DOWNLOADS = (("report.html", "Report (HTML)"), ("result.json", "JSON"), ("scenario.yaml", "YAML"))


def page(state: State, errors: Mapping[str, str], written: Mapping[str, str], query: str) -> str:
    """The whole page.

    Args:
      state: what the controls show.
      errors: what is wrong with the address, by field; the state is then the one that ships.
      written: what the address says in fields that are wrong.
      query: the address of the state, for downloads.
    """
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="crosshaul {escape(version("crosshaul"))}">
<title>crosshaul: how long does it train across datacenters?</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/static/page.css">
<script src="/static/page.js" defer></script>
</head>
<body>
<a class="skip" href="#answer">Skip to the answer</a>
<header><h1>crosshaul</h1><p>How long does a language model train across datacenters?</p></header>
<div class="layout">
<details id="panel" open><summary>Settings</summary>
{_form(state, errors, written)}
</details>
{_answer(query)}
</div>
<p id="brief" aria-hidden="true"></p>
</body>
</html>
"""


def _form(state: State, errors: Mapping[str, str], written: Mapping[str, str]) -> str:
    topologies = [(name, f"{name} ({network(name).sites} sites)") for name in topology_names()]
    said = dict(rows("workloads"))
    workloads = [(name, _workload(name, said)) for name in workload_names()]
    further = "\n".join(entry for entry in state.strategies if entry not in STRATEGIES)
    sliders = {control.name: control for control in controls(state)}
    params = sliders.pop("params")
    parts = [
        '<form id="controls" aria-label="Settings" action="/report.html" method="get" autocomplete="off">',
        f'<p class="error" id="general-error" role="alert">{escape(errors.get("", ""))}</p>',
        _select("topology", "Topology", topologies, state.topology, errors),
        _select("workload", "Workload", workloads, state.workload, errors),
        _slider(params, errors, written),
        _strategies(state, further, errors),
        *(_slider(control, errors, written) for control in sliders.values()),
        '<noscript><p>Without scripts: <button type="submit">Report on these settings</button></p></noscript>',
        '<p><a href="/">Start again</a></p>',
        "</form>",
    ]
    return "\n".join(parts)


def _workload(name: str, said: Mapping[str, str]) -> str:
    if name == OWN_SIZE:
        return "a model of another size"
    return f"{name} ({said[name].split(', ')[-1]})" if not said[name].startswith("recorded") else f"{name} (recorded)"


def _select(name: str, label: str, options: Iterable[tuple[str, str]], chosen: str, errors: Mapping[str, str]) -> str:
    entries = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in options
    )
    return (
        f'<div class="field" data-field="{name}"><label for="{name}">{label}</label>'
        f'<select id="{name}" name="{name}" data-clears="{_CLEARED[name]}" aria-describedby="{name}-error">{entries}'
        f"</select>{_error(name, errors)}</div>"
    )


def _strategies(state: State, further: str, errors: Mapping[str, str]) -> str:
    boxes = "".join(
        f'<label><input type="checkbox" name="strategy" value="{kind}"'
        f"{' checked' if kind in state.strategies else ''}> {escape(strategy.name)}</label>"
        for kind, strategy in STRATEGIES.items()
    )
    return (
        f'<fieldset class="field" data-field="strategy" aria-describedby="strategy-error"><legend>Strategies</legend>'
        f'<div class="boxes">{boxes}</div>'
        f"<details{' open' if further else ''}><summary>With parameters of their own</summary>"
        '<label for="further">One a line, as the command writes them</label>'
        '<textarea id="further" name="strategy" rows="3" spellcheck="false" maxlength="2000" '
        f'placeholder="diloco:sync_every=100&#10;streaming-diloco:fragments=8">{escape(further)}</textarea>'
        f"</details>{_error('strategy', errors)}</fieldset>"
    )


def _slider(control: Control, errors: Mapping[str, str], written: Mapping[str, str]) -> str:
    name, off = control.name, " disabled" if control.off else ""
    hidden = " hidden" if control.hidden else ""
    text = written.get(name, control.text)
    shown = control.text or control.stops[control.position]
    return (
        f'<div class="field slider" data-field="{name}"{hidden}><label for="{name}">{escape(control.label)}</label>'
        f'<input type="text" id="{name}" name="{name}" value="{escape(text)}" '
        f'placeholder="{escape(control.placeholder)}" spellcheck="false" maxlength="60" '
        f'aria-describedby="{name}-hint {name}-error"{off}>'
        f'<input type="range" id="{name}-slider" min="0" max="{len(control.stops) - 1}" step="1" '
        f'value="{control.position}" aria-label="{escape(control.label)}" aria-valuetext="{escape(shown)}" '
        f'data-stops="{escape(json.dumps(control.stops))}"{off}>'
        f'<p class="hint" id="{name}-hint">{escape(control.hint)}</p>{_error(name, errors)}</div>'
    )


def _error(name: str, errors: Mapping[str, str]) -> str:
    return f'<p class="error" id="{name}-error" role="alert">{escape(errors.get(name, ""))}</p>'


def _answer(query: str) -> str:
    links = "".join(
        f'<a class="button" href="/{path}?{escape(query)}" data-path="/{path}" download>{escape(name)}</a>'
        for path, name in _DOWNLOADS
    )
    return f"""\
<main id="answer" tabindex="-1" aria-busy="true">
<p class="error" id="stopped" role="alert"></p>
<section aria-labelledby="verdict-title"><h2 id="verdict-title" class="hidden">Verdict</h2>
<dl id="tiles"></dl>
<div id="verdict" aria-live="polite"></div></section>
<section aria-labelledby="shares-title"><h2 id="shares-title">Where the time goes</h2><div id="shares"></div></section>
<section id="tables"></section>
<section aria-labelledby="curves-title"><h2 id="curves-title">Against bandwidth</h2><div id="curves"></div></section>
<section aria-label="Take it along" class="along"><p>Download: {links}
<button type="button" class="button" id="same" aria-expanded="false" aria-controls="equivalent">\
Command and Python</button></p>
<div id="equivalent" hidden>
<h3>The same from a shell</h3><pre id="command" tabindex="0"></pre>
<button type="button" class="button" data-copies="command">Copy the command</button>
<h3>The same from Python</h3><pre id="python" tabindex="0"></pre>
<button type="button" class="button" data-copies="python">Copy the Python</button>
</div></section>
<section id="notes"></section>
</main>"""
