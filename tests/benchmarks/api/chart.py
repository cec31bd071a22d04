"""The chart of README.md: for each scenario the floor's bar and the service's."""

from collections.abc import Sequence

from tests.benchmarks.api.comparison import Comparison, median
from tests.benchmarks.api.wrk import CONNECTIONS, Load

_WIDTH = 860
_LEFT = 24
_BARS = 150
_LONGEST = 470
_TOP = 74
_STEP = 92

_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="t d" \
font-family="ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif">
  <title id="t">Requests per second, beside the floor</title>
  <desc id="d">{words}</desc>
  <style>
    .name {{ font-size: 15px; font-weight: 600; fill: #0f172a; }}
    .word {{ font-size: 12.5px; fill: #475569; }}
    .figure {{ font-size: 12.5px; fill: #0f172a; }}
    .ratio {{ font-size: 22px; font-weight: 600; fill: #059669; }}
  </style>
  <rect width="{width}" height="{height}" rx="10" fill="#f8fafc"/>
  <text class="name" x="{left}" y="32">Requests per second, beside the floor</text>
  <text class="word" x="{left}" y="52">The floor: psycopg and raw SQL in a bare WSGI function, same server, same \
statements, nothing else. {connections} connections.</text>
"""


def draw(comparisons: Sequence[Comparison]) -> str:
    """The chart as SVG."""
    height = _TOP + _STEP * len(comparisons) + 8
    words = " ".join(f"{comparison.scenario.title}: {comparison.ratio:.2f} of the floor." for comparison in comparisons)
    parts = [_HEAD.format(width=_WIDTH, height=height, left=_LEFT, words=words, connections=CONNECTIONS)]
    for index, comparison in enumerate(comparisons):
        parts.append(_group(comparison, y=_TOP + _STEP * index))
    return "".join([*parts, "</svg>\n"])


def _group(comparison: Comparison, *, y: int) -> str:
    floor, service = (median(loads, _per_second) for loads in (comparison.floor, comparison.service))
    scale = _LONGEST / max(floor, service)
    lines = [f'  <text class="name" x="{_LEFT}" y="{y + 16}">{comparison.scenario.title}</text>']
    for row, (name, value, color) in enumerate((("the floor", floor, "#94a3b8"), ("this service", service, "#059669"))):
        top = y + 26 + row * 24
        width = round(value * scale)
        lines.append(f'  <text class="word" x="{_LEFT}" y="{top + 14}">{name}</text>')
        lines.append(f'  <rect x="{_BARS}" y="{top}" width="{width}" height="19" rx="3" fill="{color}"/>')
        lines.append(f'  <text class="figure" x="{_BARS + width + 8}" y="{top + 14}">{value:,.0f}/s</text>')
    lines.append(f'  <text class="ratio" x="{_WIDTH - 140}" y="{y + 57}">{comparison.ratio:.2f}</text>')
    lines.append(f'  <text class="word" x="{_WIDTH - 90}" y="{y + 56}">of the floor</text>')
    return "\n".join(lines) + "\n"


def _per_second(load: Load) -> float:
    return load.per_second
