# SPDX-License-Identifier: Apache-2.0
"""What the node of setting.py bears.

Frames that come at their own pace, changes meanwhile, and two workers.
"""

import dataclasses
import statistics
import time

import cases
import cloud
import control
from figures import Figure
from figures import range_text
import programs
import rounds
import setting

LOAD = 0.8              # of what it can
PACED_SETTLE = 1.0      # seconds
QUIET_LEAST = 3         # windows
TWO_WORKERS_CORE = 0    # of the second one: there is no other


@dataclasses.dataclass(frozen=True)
class PacedWindow:
    """Frames that came in a time, each counted once."""

    seconds: float
    received: int
    missed: int      # came, and there was no descriptor
    unsent: int      # were received and are gone
    waiting: float

    @property
    def lost(self):
        return self.missed + max(self.unsent, 0)

    @property
    def came(self):
        return self.received + self.missed

    @property
    def quiet(self):
        return self.waiting <= rounds.WAITING_MOST


def _state(program):
    """Once no frame is under way."""
    program.page.pause()
    time.sleep(0.05)
    received, sent = program.page.counted()
    return (time.monotonic(), received.packets, received.missed,
            sent.packets, *rounds.read_schedstat(program.task))


def paced_window(program, seconds):
    """Of a program that is awake and whose pace is set."""
    before = _state(program)
    program.page.resume()
    time.sleep(seconds)
    spent, received, missed, sent, run, waited = (
        after - count for after, count in zip(_state(program), before))
    return PacedWindow(spent - 0.05, received, missed, received - sent,
                       waited / max(run + waited, 1))


def paced_windows(program, frames_per_second, seconds, pace, busy=None):
    """Windows in which the worker had its core.

    Half the frames come by the uplink. `busy` is called before each window,
    and what it returns after it.
    """
    program.page.pace(frames_per_second / 2)
    program.page.resume()
    time.sleep(PACED_SETTLE)
    windows = []
    for _ in range(pace.attempts_most):
        done = busy() if busy else None
        windows.append(paced_window(program, seconds))
        if done:
            done()
        if sum(window.quiet for window in windows) == pace.pairs:
            break
    program.page.pace(0)
    quiet = [window for window in windows if window.quiet]
    if len(quiet) < min(pace.pairs, QUIET_LEAST):
        raise rounds.MeasureError(
            'other work on the core in too many windows to say what is lost')
    return quiet


def _total(windows):
    """(frames lost, of how many that came, Mpps)."""
    lost, came = (sum(getattr(window, name) for window in windows)
                  for name in ('lost', 'came'))
    return lost, came, came / sum(w.seconds for w in windows) / 1e6


@dataclasses.dataclass(frozen=True)
class MobileCase(cases.CloudCase):
    """A million connections live, and 200,000 open and close a second."""

    FRAMES_PER_SECOND = 4e6

    def after(self, session, programs_):
        for program in programs_:
            yield self._paced(session, program)

    def _paced(self, session, program):
        program.wake()
        windows = paced_windows(program, self.FRAMES_PER_SECOND,
                                session.pace.window, session.pace)
        program.sleep()
        lost, came, mpps = _total(windows)
        ours = isinstance(program, cloud.Switch)
        return Figure(
            self.option, f'{self.name_of(program)}: '
            f'{self.FRAMES_PER_SECOND / 1e6:.0f} Mpps come, of 600 bytes on '
            'average',
            f'{lost} of {came} lost ({lost / came:.2%})',
            '0 lost' if ours else '-', lost == 0 if ours else None,
            {'flows': self.flows, 'peer': None if ours else program.name,
             'offered_mpps': round(mpps, 3), 'lost': lost, 'came': came})


@dataclasses.dataclass(frozen=True)
class CloudChurn(control.Churning, cases.CloudCase):
    """Ports join and leave the traffic's group, and another's rules change.

    That one is a group which one of the 16 ports has.
    """

    RATE = 100
    CHANGES = 'port and rule changes'
    WINDOW_LEAST = 1.0

    def writer_words(self):
        return ('remote-0', setting.CHURN_FIRST_IP, setting.GROUP,
                setting.OTHER_GROUP)

    def measure(self, session, stack, folder):
        switch = self.start_ours(session, stack, folder)
        switch.wake()
        dip = self.dip(session, switch)
        yield dip
        yield self._loss(session, switch, dip.details['peer_ns'])

    def _loss(self, session, switch, ns):
        """At a part of what it can without changes."""
        seconds = max(session.pace.window, self.WINDOW_LEAST)

        def busy():
            writer = self.start_writer(session, switch, seconds)
            return lambda: control.end_writer(writer)
        windows = paced_windows(switch, LOAD * 1e9 / ns, seconds,
                                session.pace, busy)
        lost, came, mpps = _total(windows)
        return Figure(
            self.option, f'{self.RATE} {self.CHANGES} a second at {LOAD:.0%} '
            f'load; {self.flows} flows',
            f'{lost} of {came} lost, {mpps:.1f} Mpps', '0 lost', lost == 0,
            {'flows': self.flows, 'offered_mpps': round(mpps, 3),
             'lost': lost, 'came': came})


@dataclasses.dataclass(frozen=True)
class TwoWorkers(cases.CloudCase):
    """Two against one, on a machine of which one shares its core."""

    LEAST = 1.9

    def measure(self, session, stack, folder):
        one = self._start(session, stack, folder / 'one', None)
        two = self._start(session, stack, folder / 'two',
                          f'{TWO_WORKERS_CORE},{session.core}')
        ratios, walls = [], []
        for _ in range(session.pace.pairs):
            rates = [self._rates(session, program, cores) for program, cores
                     in ((one, (session.core,)),
                         (two, (TWO_WORKERS_CORE, session.core)))]
            ratios.append(rates[1][0] / rates[0][0])
            walls.append(rates[1][1] / rates[0][1])
        yield Figure(
            self.option, 'two workers against one, each by the time it had '
            f'its core; {self.flows} flows', range_text(rounds.spread(ratios),
                                                        2),
            f'{self.LEAST} times',
            statistics.median(ratios) >= self.LEAST,
            {'flows': self.flows,
             'times_one': round(statistics.median(ratios), 3),
             'times_one_by_clock': round(statistics.median(walls), 3)})

    def _start(self, session, stack, folder, workers):
        folder.mkdir()
        return self.start_ours(session, stack, folder, workers)

    @staticmethod
    def _rates(session, program, cores):
        """Packets a second: of the time on the cores, and of the clock."""
        program.wake()
        time.sleep(session.pace.settle)
        tasks = [programs.worker_task(program.process.pid, core)
                 for core in cores]
        states = []
        for _ in range(2):
            states.append((time.monotonic(), [
                (sum(line.packets
                     for line in program.page.rx_lines()[queue::cloud.QUEUES]),
                 *rounds.read_schedstat(task))
                for queue, task in enumerate(tasks)]))
            time.sleep(session.pace.window)
        program.sleep()
        seconds = states[1][0] - states[0][0]
        rate = packets = 0
        for before, after in zip(states[0][1], states[1][1]):
            frames, run, waited = (b - a for a, b in zip(before, after))
            packets += frames
            rate += frames / (seconds * run / max(run + waited, 1))
        return rate, packets / seconds
