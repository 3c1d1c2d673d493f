# SPDX-License-Identifier: Apache-2.0
"""What was measured: a table for people, and a picture."""

import html

ROW = '{:16} {:16} {:>5} {:>6} {:46} {:34} {}'
MEGABYTE = 1e6

# (plan, scenario): what is aimed at. (field, statistic, at most, unit)
AIMS = {
    ('one-10000', 'start'): (('ms', 'max', 1000, 'ms'),
                             ('memory_peak', None, 100 * MEGABYTE, 'bytes')),
    ('one-20000', 'start'): (('ms', 'max', 2000, 'ms'),),
    (None, 'bind'): (('event_ms', 'p99', 5, 'ms'),),
    (None, 'few'): (('all_ms', 'p99', 50, 'ms'),),
    (None, 'many'): (('write_ms', 'p99', 150, 'ms'),),
    (None, 'join'): (('cost', 'cpu_us', 1000, 'us'),),
    (None, 'die'): (('ms', 'max', 10000, 'ms'),),
}


def _times(times):
    return f'{times["p50"]:.1f} / {times["p99"]:.1f}' if times else '-'


def _what(record):
    if record['scenario'] == 'check':
        return f'{record["wrong"]} nodes are not as they should be'
    if record['scenario'] == 'idle':
        return 'a second of nothing'
    if 'write_ms' in record:
        return (f'{_times(record["write_ms"])} ms; event '
                f'{_times(record["event_ms"])}; all '
                f'{_times(record["all_ms"])}')
    text = f'{_times(record["ms"])} ms'
    if 'memory' in record:
        text += (f'; {record["memory"] / MEGABYTE:.1f} MB, peak '
                 f'{record["memory_peak"] / MEGABYTE:.1f}')
    return text


def _cost(record):
    cost = record.get('cost')
    if not cost:
        return '-'
    return (f'{cost["cpu_us"]:,.0f} us; {cost["received"]:,.0f} B in, '
            f'{cost["sent"]:,.0f} out')


def judged(record):
    """[(text, whether it is met)] of the aims for this record."""
    aims = (AIMS.get((record['plan'], record['scenario']))
            or AIMS.get((None, record['scenario'])) or ())
    verdicts = []
    for field, statistic, most, unit in aims:
        value = record.get(field)
        if statistic:
            value = value and value.get(statistic)
        if value is not None:
            name = f'{field} {statistic}' if statistic else field
            verdicts.append((f'{name} <= {most:g} {unit}', value <= most))
    return verdicts


def row(record):
    verdicts = '; '.join(f'{text}: {"met" if met else "MISSED"}'
                         for text, met in judged(record))
    return ROW.format(record['plan'], record['scenario'], record['nodes'],
                      record.get('ports', '-'), _what(record), _cost(record),
                      verdicts).rstrip()


def print_head():
    print(ROW.format('plan', 'scenario', 'nodes', 'ports',
                     'write to in force, p50 / p99', 'of a node, each time',
                     'aim'))


# ---- The picture: times of changes on a logarithmic scale.

WIDTH, LEFT, BAR, GAP, TOP = 900, 240, 16, 10, 60
SHADES = (('p50', '#1f77b4'), ('p99', '#aec7e8'))
LONGEST, SHORTEST = 4, -2   # powers of ten, in milliseconds


def _text(x, y, text, anchor='start', size=12):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" '
            f'text-anchor="{anchor}">{html.escape(text)}</text>')


def _x(power):
    share = (power - SHORTEST) / (LONGEST - SHORTEST)
    return LEFT + (WIDTH - LEFT - 90) * min(max(share, 0), 1)


def _bars(y, title, times):
    import math
    yield _text(LEFT - 8, y + BAR, title, 'end')
    for index, (statistic, shade) in enumerate(SHADES):
        x = _x(math.log10(max(times[statistic], 10 ** SHORTEST)))
        top = y + index * BAR
        yield (f'<rect x="{LEFT}" y="{top}" width="{x - LEFT:.1f}" '
               f'height="{BAR - 2}" fill="{shade}"/>')
        yield _text(x + 4, top + BAR - 4,
                    f'{times[statistic]:.2f} ms  {statistic}', size=10)


def draw(records):
    """The picture's text."""
    y, body = TOP, []
    for record in records:
        times = record.get('write_ms') or record.get('ms')
        if times:
            body += _bars(y, f'{record["plan"]}, {record["scenario"]}, '
                          f'{record["nodes"]} nodes', times)
            y += 2 * BAR + GAP
    axis = []
    for power in range(SHORTEST, LONGEST + 1):
        axis.append(f'<line x1="{_x(power):.0f}" y1="{TOP - 6}" '
                    f'x2="{_x(power):.0f}" y2="{y}" stroke="#ddd"/>')
        axis.append(_text(_x(power), y + 16, f'{10 ** power:g} ms', 'middle'))
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{y + 30}" font-family="sans-serif">',
            f'<rect width="{WIDTH}" height="{y + 30}" fill="white"/>',
            _text(LEFT, 24, 'From the write to in force on the nodes', size=16)]
    return '\n'.join(head + axis + body + ['</svg>']) + '\n'
