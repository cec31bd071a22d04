"""The chart of README.md: for each scenario a bar of each contestant."""

from collections.abc import Sequence

from tests.benchmarks.api.comparison import Comparison
from tests.benchmarks.api.wrk import CONNECTIONS

_WIDTH = 860
_LEFT = 24
_BARS = 150
_LONGEST = 470
_TOP = 74
_GAP = 44
_BAR = 24

_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="t d" \
font-family="ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif">
  <title id="t">Requests per second, beside the floor</title>
  <desc id="d">{words}</desc>
  <style>
    .name {{ font-size: 15px; font-weight: 600; fill: #0f172a; }}
    .word {{ font-size: 12.5px; fill: #475569; }}
    .value {{ font-size: 12.5px; fill: #0f172a; }}
    .ratio {{ font-size: 22px; font-weight: 600; fill: #059669; }}
  </style>
  <rect width="{width}" height="{height}" rx="10" fill="#f8fafc"/>
  <text class="name" x="{left}" y="32">Requests per second, beside the floor</text>
  <text class="word" x="{left}" y="52">The floor: psycopg and raw SQL in a bare WSGI function on lean tables, \
nothing else. {connections} connections.</text>
"""


_COLORS = {"floor": ("the floor", "#94a3b8"), "peer": ("FastAPI", "#cbd5e1"), "service": ("this service", "#059669")}


def draw(comparisons: Sequence[Comparison]) -> str:
    """The chart as SVG."""
    words, groups, y = [], [], _TOP
    for comparison in comparisons:
        words.append(f"{comparison.scenario.title}: {comparison.ratio('floor'):.2f} of the floor.")
        groups.append(_group(comparison, y=y))
        y += _GAP + _BAR * len(comparison.loads)
    head = _HEAD.format(width=_WIDTH, height=y + 8, left=_LEFT, words=" ".join(words), connections=CONNECTIONS)
    return "".join([head, *groups, "</svg>\n"])


def _group(comparison: Comparison, *, y: int) -> str:
    scale = _LONGEST / max(comparison.per_second(name) for name in comparison.loads)
    lines = [f'  <text class="name" x="{_LEFT}" y="{y + 16}">{comparison.scenario.title}</text>']
    for row, contestant in enumerate(comparison.loads):
        name, color = _COLORS[contestant]
        value = comparison.per_second(contestant)
        top = y + 26 + row * _BAR
        width = round(value * scale)
        lines.append(f'  <text class="word" x="{_LEFT}" y="{top + 14}">{name}</text>')
        lines.append(f'  <rect x="{_BARS}" y="{top}" width="{width}" height="19" rx="3" fill="{color}"/>')
        lines.append(f'  <text class="value" x="{_BARS + width + 8}" y="{top + 14}">{value:,.0f}/s</text>')
    lines.append(f'  <text class="ratio" x="{_WIDTH - 140}" y="{y + 57}">{comparison.ratio("floor"):.2f}</text>')
    lines.append(f'  <text class="word" x="{_WIDTH - 90}" y="{y + 56}">of the floor</text>')
    return "\n".join(lines) + "\n"
