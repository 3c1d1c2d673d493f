# SPDX-License-Identifier: Apache-2.0
"""Two programs measured in turn, so that both meet the same machine.

The time of a packet moves by half over minutes when other guests of the
machine press on its caches, so figures of different minutes say nothing
about each other. Pairs of short windows do: one program awake in each, the
other stopped. What counts is the median of the pairs' ratios.
"""

import dataclasses
import statistics
import time

WAITING_MOST = 0.01    # of a window, in which the worker had no core
LOSS_MOST = 0.001
ATTEMPTS = 3           # for each pair wanted


class MeasureError(Exception):
    """There is nothing to report."""


@dataclasses.dataclass(frozen=True)
class Pace:
    """How many pairs of windows, and their seconds."""

    pairs: int
    settle: float
    window: float


@dataclasses.dataclass(frozen=True)
class Window:
    ns: float        # for each packet
    waiting: float   # share of the window
    loss: float      # share of the packets; below zero, more were sent

    @property
    def quiet(self):
        return self.waiting <= WAITING_MOST

    @property
    def worked_ns(self):
        """For each packet, without the time the worker had no core."""
        return self.ns * (1 - self.waiting)


def spread(values):
    """(median, lower quartile, upper quartile)."""
    if len(values) == 1:
        return tuple(values) * 3
    low, median, high = statistics.quantiles(values, n=4, method='inclusive')
    return median, low, high


@dataclasses.dataclass
class Rounds:
    """The pairs of windows that count, in ns for each packet."""

    ours: list
    peer: list
    discarded: int = 0
    busy: list = dataclasses.field(default_factory=list)
    disturbed: bool = False

    def add(self, ours, peer):
        """A pair of windows; it counts if the worker had its core."""
        if ours.quiet and peer.quiet:
            self.ours.append(ours.worked_ns)
            self.peer.append(peer.worked_ns)
        else:
            self.discarded += 1
            self.busy.append((ours, peer))

    def settle(self, wanted):
        """Lets the quietest of the others count, if none was quiet."""
        if self.ours:
            return
        self.disturbed = True
        self.busy.sort(key=lambda pair: max(w.waiting for w in pair))
        for ours, peer in self.busy[:wanted]:
            self.ours.append(ours.worked_ns)
            self.peer.append(peer.worked_ns)
        self.discarded -= len(self.ours)

    def ours_ns(self):
        return spread(self.ours)

    def peer_ns(self):
        return spread(self.peer)

    def times_peer(self):
        """How many times the peer's time a packet costs."""
        return spread([ours / peer
                       for ours, peer in zip(self.ours, self.peer)])


def read_state(program):
    run, waiting, _ = (program.task / 'schedstat').read_text().split()
    return (program.source.received(), program.sink.sent().packets,
            int(run), int(waiting))


def read_window(program, seconds):
    """What a program that is awake does in so many seconds."""
    received, sent, run, waiting = read_state(program)
    time.sleep(seconds)
    received2, sent2, run2, waiting2 = read_state(program)
    packets = received2.packets - received.packets
    if packets == 0:
        raise MeasureError(f'{program.name} received nothing in a window')
    waited = waiting2 - waiting
    ticks = received2.last_tsc - received.last_tsc
    return Window(
        ns=ticks / program.source.tsc_hz * 1e9 / packets,
        waiting=waited / max(run2 - run + waited, 1),
        loss=1 - (sent2 - sent) / packets)


def measure_window(program, pace):
    program.wake()
    time.sleep(pace.settle)
    window = read_window(program, pace.window)
    program.sleep()
    return window


def measure(ours, peer, pace, progress):
    """Both programs run and are asleep, and are so again afterwards."""
    rounds = Rounds([], [])
    for _ in range(pace.pairs * ATTEMPTS):
        pair = [measure_window(program, pace) for program in (ours, peer)]
        for program, window in zip((ours, peer), pair):
            if abs(window.loss) > LOSS_MOST:
                raise MeasureError(f'{program.name} sent '
                                   f'{1 - window.loss:.1%} of the packets')
        rounds.add(*pair)
        progress(rounds)
        if len(rounds.ours) == pace.pairs:
            break
    rounds.settle(pace.pairs)
    return rounds
