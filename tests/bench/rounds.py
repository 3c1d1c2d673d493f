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


class MeasureError(Exception):
    """There is nothing to report."""


@dataclasses.dataclass(frozen=True)
class Pace:
    """How many pairs of windows, and their seconds."""

    pairs: int
    settle: float
    window: float
    attempts: int = 3      # for each pair wanted

    @property
    def attempts_most(self):
        return self.pairs * self.attempts


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


def read_schedstat(task):
    """Nanoseconds that a thread had a core, and that it waited for one."""
    run, waiting, _ = (task / 'schedstat').read_text().split()
    return int(run), int(waiting)


def read_state(program):
    received, sent = program.page.counted()
    return received, sent.packets, *read_schedstat(program.task)


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
        ns=ticks / program.page.tsc_hz * 1e9 / packets,
        waiting=waited / max(run2 - run + waited, 1),
        loss=1 - (sent2 - sent) / packets)


def measure_window(program, pace):
    """Of a program that is asleep, and is so again afterwards."""
    program.wake()
    time.sleep(pace.settle)
    program.settled()
    window = read_window(program, pace.window)
    program.sleep()
    return window


def measure_pass(program):
    """One pass of all frames as a window; the program is awake."""
    received, sent, run, waiting = read_state(program)
    program.run_pass()
    received2, sent2, run2, waiting2 = read_state(program)
    packets = received2.packets - received.packets
    waited = waiting2 - waiting
    ticks = received2.last_tsc - received2.first_tsc
    return Window(
        ns=ticks / program.page.tsc_hz * 1e9 / packets,
        waiting=waited / max(run2 - run + waited, 1),
        loss=1 - (sent2 - sent) / packets)


def lossless(program, window):
    if abs(window.loss) > LOSS_MOST:
        raise MeasureError(f'{program.name} sent {1 - window.loss:.1%} of '
                           'the packets')
    return window


def measure(ours, peers, pace, progress, measure_one=measure_window):
    """Rounds of windows, one of each program; ours beside each peer.

    All programs run and are asleep, and are so again afterwards. Returns
    Rounds for each peer, and calls progress with the first one's.
    """
    results = [Rounds([], []) for _ in peers]
    for _ in range(pace.attempts_most):
        our_window = lossless(ours, measure_one(ours, pace))
        for peer, rounds in zip(peers, results):
            if len(rounds.ours) < pace.pairs:
                rounds.add(our_window,
                           lossless(peer, measure_one(peer, pace)))
        progress(results[0])
        if all(len(rounds.ours) == pace.pairs for rounds in results):
            break
    for rounds in results:
        rounds.settle(pace.pairs)
    return results


def measure_alone(program, pace, measure_one=measure_window):
    """(median, lower quartile, upper quartile) of its ns for a packet."""
    windows = [lossless(program, measure_one(program, pace))
               for _ in range(pace.pairs)]
    quiet = [window for window in windows if window.quiet]
    return spread([window.worked_ns for window in quiet or windows])
