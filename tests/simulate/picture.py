# SPDX-License-Identifier: Apache-2.0
"""What was measured, as a picture: bars on logarithmic scales."""

import dataclasses
import html
import math

WIDTH, LEFT, RIGHT = 960, 320, 150
BAR, GAP, HEAD = 16, 10, 60
SHADES = ('#1f77b4', '#aec7e8')


@dataclasses.dataclass(frozen=True)
class Panel:
    """Bars of one unit: values_of(record) is {what: value}, or nothing."""

    title: str
    values_of: object
    unit: str
    least: int      # powers of ten
    most: int

    def x(self, value):
        power = math.log10(max(value, 10 ** self.least))
        share = min((power - self.least) / (self.most - self.least), 1)
        return LEFT + (WIDTH - LEFT - RIGHT) * share


def _times(record):
    times = record.get('write_ms') or record.get('ms')
    return times and {name: times[name] for name in ('p50', 'p99')}


def _bytes(record):
    cost = record.get('cost')
    return cost and {name: cost[name] for name in ('received', 'sent')}


def _cpu(record):
    cost = record.get('cost')
    return cost and {'CPU': cost['cpu_us']}


PANELS = (
    Panel('From the write to in force on the nodes', _times, 'ms', -2, 4),
    Panel('Bytes of a node: of a start, of a change, of a second of nothing',
          _bytes, 'B', 0, 8),
    Panel('CPU time of a node, likewise', _cpu, 'us', 0, 6),
)


def _text(x, y, text, anchor='start', size=12):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" '
            f'text-anchor="{anchor}">{html.escape(text)}</text>')


def _label(record):
    return (f'{record["plan"]}, {record["scenario"]}, {record["nodes"]} nodes'
            + ('' if record['selective'] else ', not selective'))


def _bars(panel, top, values):
    for index, (name, value) in enumerate(values.items()):
        y, x = top + index * BAR, panel.x(value)
        yield (f'<rect x="{LEFT}" y="{y}" width="{x - LEFT:.1f}" '
               f'height="{BAR - 2}" fill="{SHADES[index]}"/>')
        digits = 2 if value < 100 else 0
        yield _text(x + 4, y + BAR - 4,
                    f'{value:,.{digits}f} {panel.unit}  {name}', size=10)


def _scale(panel, top, bottom):
    for power in range(panel.least, panel.most + 1):
        x = panel.x(10 ** power)
        yield (f'<line x1="{x:.0f}" y1="{top - 6}" x2="{x:.0f}" y2="{bottom}" '
               'stroke="#ddd"/>')
        if power % 2 == 0:
            yield _text(x, bottom + 16, f'{10 ** power:,g} {panel.unit}',
                        'middle', 10)


def _draw_panel(panel, top, records):
    """(its elements, where it ends)"""
    y, bars = top + HEAD, []
    for record in records:
        values = panel.values_of(record)
        if values:
            bars.append(_text(LEFT - 8, y + BAR, _label(record), 'end'))
            bars += _bars(panel, y, values)
            y += len(values) * BAR + GAP
    title = _text(LEFT, top + 24, panel.title, size=16)
    return [title, *_scale(panel, top + HEAD, y), *bars], y + 30


def draw(records):
    """The text of an SVG."""
    y, body = 0, []
    for panel in PANELS:
        elements, y = _draw_panel(panel, y, records)
        body += elements
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{y}" font-family="sans-serif">',
            f'<rect width="{WIDTH}" height="{y}" fill="white"/>']
    return '\n'.join(head + body + ['</svg>']) + '\n'
