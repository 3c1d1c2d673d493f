# SPDX-License-Identifier: Apache-2.0
"""What was measured: a table for people."""

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
