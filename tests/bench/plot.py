# SPDX-License-Identifier: Apache-2.0
"""The figures of packets as an SVG picture: bars on a logarithmic scale."""

import html
import math

WIDTH, LEFT, RIGHT = 960, 210, 110
BAR, GAP, TOP, BOTTOM = 14, 14, 56, 40
COLOURS = {'df-switchd': '#1f77b4', 'ovs-dpdk': '#d62728',
           'testpmd': '#7f7f7f'}


def _cases(figures):
    """{(case, flows, pairs): {program: ns}}, in the order of the report."""
    cases = {}
    for figure in figures:
        bars = cases.setdefault((figure.case, figure.flows, figure.pairs), {})
        if figure.ours:
            bars['df-switchd'] = figure.ours[0]
        bars[figure.peer] = figure.theirs[0]
    return cases


def _colour(program):
    for prefix, colour in COLOURS.items():
        if program.startswith(prefix):
            return colour
    return '#2ca02c'


def _text(x, y, text, anchor='start', size=12, weight='normal'):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" '
            f'text-anchor="{anchor}" font-weight="{weight}">'
            f'{html.escape(text)}</text>')


def _title(key):
    case, flows, pairs = key
    return f'{case}, {flows:,}' + (
        f' ({pairs:,} pairs)' if pairs != flows else '')


def _axis(lowest, highest, scale, bottom):
    for power in range(math.floor(math.log10(lowest)),
                       math.ceil(math.log10(highest)) + 1):
        for digit in (1, 2, 5):
            ns = digit * 10 ** power
            if lowest <= ns <= highest:
                x = scale(ns)
                yield (f'<line x1="{x:.0f}" y1="{TOP - 6}" x2="{x:.0f}" '
                       f'y2="{bottom:.0f}" stroke="#ddd"/>')
                yield _text(x, bottom + 16, f'{ns:g} ns', 'middle')


def draw(figures):
    """The picture's text; figures of packets only, at least one."""
    cases = _cases(figures)
    values = [ns for bars in cases.values() for ns in bars.values()]
    lowest, highest = min(values) / 2, max(values) * 1.1
    span = math.log(highest / lowest)

    def scale(ns):
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(ns / lowest) / span

    y, body = TOP, []
    for key, bars in cases.items():
        body.append(_text(LEFT - 8, y + BAR, _title(key), 'end'))
        for program, ns in bars.items():
            body.append(
                f'<rect x="{LEFT}" y="{y}" width="{scale(ns) - LEFT:.1f}" '
                f'height="{BAR - 2}" fill="{_colour(program)}"/>')
            body.append(_text(scale(ns) + 4, y + BAR - 3,
                              f'{ns:.0f}  {program}', size=10))
            y += BAR
        y += GAP
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{y + BOTTOM}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{y + BOTTOM}" fill="white"/>',
        _text(LEFT, 24, 'Time of a packet on one core; less is better',
              size=16, weight='bold'),
        _text(LEFT, 42, 'medians, logarithmic; case, flows')]
    return '\n'.join(head + list(_axis(lowest, highest, scale, y)) + body +
                     ['</svg>']) + '\n'


def write(figures, path):
    path.write_text(draw(figures), encoding='utf-8')
