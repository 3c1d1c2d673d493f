# SPDX-License-Identifier: Apache-2.0
"""What was measured: for people a row of a table, for programs a record."""

import dataclasses

NAME = '{:16} {:>8} {:>7}'
PACKETS = NAME + '  {:22} {:18} {:25} {:22} {:12} {}'
CHANGES = '{:16} {:76} {:32} {:14} {}'


def range_text(values, digits):
    median, low, high = (f'{value:.{digits}f}' for value in values)
    return f'{median} ({low}-{high})'


def verdict(met):
    return 'met' if met else 'MISSED'


@dataclasses.dataclass(frozen=True)
class Aims:
    """None where there is no aim.

    `faster`: so many times OVS-DPDK's speed at least. `times`: so many times
    the time of 5tswap at most. `ns`: at most.
    """

    faster: float = None
    times: float = None
    ns: float = None


@dataclasses.dataclass(frozen=True)
class PacketFigure:
    """What a packet costs, beside a peer.

    `ours` and `theirs` are (median, low, high) in ns, None if only the peer
    was measured; `ratios` are those of their time to ours.
    """

    case: str
    flows: int
    pairs: int
    peer: str
    ours: tuple
    theirs: tuple
    ratios: tuple
    aims: Aims = Aims()
    busy: bool = False
    details: dict = dataclasses.field(default_factory=dict)

    @property
    def against_switch(self):
        return self.peer.startswith('ovs')

    @property
    def times(self):
        """How many times the peer's time a packet costs."""
        median, low, high = self.ratios
        return 1 / median, 1 / high, 1 / low

    def judged(self):
        """(what is compared, aim, whether it is met or None)."""
        if self.ours is None:
            return '-', '-', None
        if self.against_switch:
            text = f'{range_text(self.ratios, 2)} faster'
            if self.aims.faster is None:
                return text, '-', None
            return (text, f'{self.aims.faster:g} faster',
                    self.ratios[0] >= self.aims.faster)
        text = f'{range_text(self.times, 2)} times'
        if self.aims.times is not None:
            return (text, f'{self.aims.times:.1f} times',
                    self.times[0] <= self.aims.times)
        if self.aims.ns is not None:
            return text, f'{self.aims.ns:.0f} ns', self.ours[0] <= self.aims.ns
        return text, '-', None

    def record(self):
        record = {'case': self.case, 'flows': self.flows, 'peer': self.peer,
                  'ours_ns': self.ours and round(self.ours[0], 2),
                  'peer_ns': round(self.theirs[0], 2),
                  'ratio': self.ratios and round(self.ratios[0], 4)}
        if self.ours is not None:
            record |= {'ours_ns_quartiles': [round(v, 2)
                                             for v in self.ours[1:]],
                       'ratio_quartiles': [round(v, 4)
                                           for v in self.ratios[1:]]}
        record['peer_ns_quartiles'] = [round(v, 2) for v in self.theirs[1:]]
        if self.pairs != self.flows:
            record['pairs'] = self.pairs
        if self.busy:
            record['busy'] = True
        return record | self.details

    def row(self):
        text, aim, met = self.judged()
        ours = range_text(self.ours, 1) if self.ours else '-'
        return PACKETS.format(
            self.case, self.flows, self.pairs, ours, self.peer,
            range_text(self.theirs, 1), text, aim,
            '' if met is None else verdict(met)).rstrip()


@dataclasses.dataclass
class Figure:
    """Anything else: one line of the report."""

    case: str
    what: str
    text: str
    aim: str
    met: bool        # None: there is no aim
    details: dict

    def record(self):
        """With the fields of all records; what does not apply is null."""
        fields = dict.fromkeys(('case', 'flows', 'peer', 'ours_ns',
                                'peer_ns', 'ratio'))
        return fields | {'case': self.case, 'what': self.what} | self.details

    def row(self):
        return CHANGES.format(
            self.case, self.what, self.text, self.aim,
            '' if self.met is None else verdict(self.met)).rstrip()


def beside(case, peer, result, aims, details=None):
    """The figure of rounds of ours and a peer's windows."""
    return PacketFigure(
        case.name, case.flows, case.pairs, peer, result.ours_ns(),
        result.peer_ns(),
        tuple(1 / times for times in (
            result.times_peer()[0], result.times_peer()[2],
            result.times_peer()[1])),
        aims, result.disturbed, details or {})


def alone(case, peer, ns, details=None):
    """The figure of a peer's own windows."""
    return PacketFigure(case.name, case.flows, case.pairs, peer, None, ns,
                        None, Aims(), False, details or {})


def of_packets(figures):
    return [f for f in figures if isinstance(f, PacketFigure)]


def print_connections(packets):
    """Of cases in which a connection is so many packets."""
    for figure in packets:
        rates = {who: figure.details.get(f'{whose}_connections_per_second')
                 for who, whose in (('df-switchd', 'our'),
                                    (figure.peer, 'peer'))}
        told = ', '.join(f'{who} {rate / 1e6:.2f} million'
                         for who, rate in rates.items() if rate)
        if told and figure.against_switch:
            print(f'{figure.case}, connections a second: {told}')


def print_tables(figures):
    packets = of_packets(figures)
    others = [f for f in figures if not isinstance(f, PacketFigure)]
    if packets:
        print(PACKETS.format('case', 'flows', 'pairs', 'ns a packet', 'peer',
                             'its ns a packet', 'compared', 'aim', ''))
        for figure in packets:
            print(figure.row())
        print('Medians, with quartiles. All include the port, which takes '
              'about as long as testpmd io.')
        print_connections(packets)
    if packets and others:
        print()
    if others:
        print(CHANGES.format('case', 'what', 'median', 'aim', ''))
        for figure in others:
            print(figure.row())
