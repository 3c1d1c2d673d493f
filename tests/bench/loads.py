# SPDX-License-Identifier: Apache-2.0
"""What the node of setting.py bears.

Frames that come at their own pace, changes meanwhile, and two workers.
"""

import dataclasses
import os
import statistics
import time

import cases
import cloud
import control
from figures import Figure
from figures import range_text
import openflow
import openvswitch
import programs
import rounds
import setting

LOAD = 0.8              # of what it can
PACED_RAMP = 0.02       # seconds
PACED_SECONDS = 0.2     # of a window: short ones are quiet more often
# Of a window that says what is lost: 60 us, which the descriptors of the
# busiest queue bear. Where the worker had no core, a NIC would lose as well.
PACED_WAITING_MOST = 0.0002
WINDOWS_IN_ONE = 4      # paced ones for one in pull mode
QUIET_LEAST = 3         # paced windows that say enough
TWO_WORKERS_CORE = 0    # of the second one: there is no other


@dataclasses.dataclass(frozen=True)
class PacedWindow:
    """Frames that came in a time, each counted once."""

    mpps: float      # that were to come
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
        return self.waiting <= PACED_WAITING_MOST


def _state(program):
    """Once no frame is under way."""
    program.page.pause()
    time.sleep(0.05)
    received, sent = program.page.counted()
    return (received.packets, received.missed, sent.packets,
            *rounds.read_schedstat(program.task))


def paced_window(program, frames_per_second, seconds):
    """Of a program that is awake. Half the frames come by the uplink.

    They begin at half the pace: no switch is made for a start from nothing.
    """
    before, page = _state(program), program.page
    page.pace(frames_per_second / 4)
    page.resume()
    time.sleep(PACED_RAMP)
    page.pace(frames_per_second / 2)
    time.sleep(seconds)
    received, missed, sent, run, waited = (
        after - count for after, count in zip(_state(program), before))
    page.pace(0)
    return PacedWindow(frames_per_second / 1e6, received, missed,
                       received - sent, waited / max(run + waited, 1))


class Paced:
    """Windows of a program that is awake, with frames at a pace.

    The windows in which the worker had its core all the time count, and if
    there are too few the quietest.
    """

    def __init__(self, program, pace):
        self.program = program
        self.wanted = WINDOWS_IN_ONE * pace.pairs
        self.most = self.wanted * pace.attempts
        self.windows = []

    @property
    def counting(self):
        windows = sorted(self.windows, key=lambda window: window.waiting)
        quiet = sum(window.quiet for window in windows)
        return windows[:min(quiet, self.wanted) if quiet >= QUIET_LEAST
                       else self.wanted]

    @property
    def disturbed(self):
        return any(not window.quiet for window in self.counting)

    @property
    def complete(self):
        return (len(self.windows) >= self.most or
                sum(window.quiet for window in self.windows) >= self.wanted)

    def measure(self, frames_per_second):
        """A few windows more."""
        self.windows += [
            paced_window(self.program, frames_per_second, PACED_SECONDS)
            for _ in range(WINDOWS_IN_ONE)]
        self.program.page.resume()

    def totals(self):
        """(frames lost, of how many that came, Mpps)."""
        counting = self.counting
        return (sum(window.lost for window in counting),
                sum(window.came for window in counting),
                statistics.mean(window.mpps for window in counting))

    def figure(self, case, what, name, aim, **details):
        """For the report; `aim` is None beside programs that have none."""
        lost, came, mpps = self.totals()
        text = (f'{lost} of {came} lost ({lost / came:.3%}) in '
                f'{len(self.counting)} windows')
        if self.disturbed:
            text += ', other work on the core'
        return Figure(
            case.option, what, text, aim or '-', lost == 0 if aim else None,
            {'flows': case.flows, 'peer': None if aim else name,
             'offered_mpps': round(mpps, 3), 'lost': lost, 'came': came,
             'windows': len(self.counting), **details,
             **({'busy': True} if self.disturbed else {})})


@dataclasses.dataclass(frozen=True)
class MobileCase(cases.CloudCase):
    """A million connections live, and 200,000 open and close a second."""

    FRAMES_PER_SECOND = 4e6

    def after(self, session, programs_):
        for program in programs_:
            yield self._paced(session, program)

    def _paced(self, session, program):
        """Its connections are live: each has had a packet just before."""
        program.wake_for_change()
        program.settled()
        program.run_pass(program.passes[-1])
        program.wake()
        paced = Paced(program, session.pace)
        while not paced.complete:
            paced.measure(self.FRAMES_PER_SECOND)
        program.sleep()
        name = self.name_of(program)
        return paced.figure(
            self, f'{name}: {self.FRAMES_PER_SECOND / 1e6:.0f} Mpps come, of '
            '600 bytes on average', name,
            '0 lost' if isinstance(program, cloud.Switch) else None)


@dataclasses.dataclass(frozen=True)
class CloudChurn(control.Churning, cases.CloudCase):
    """Ports join and leave the traffic's group, and another's rules change.

    That one is a group which one of the 16 ports has.
    """

    RATE = 100
    CHANGES = 'port and rule changes'
    WINDOW_LEAST = 1.0

    def measure(self, session, stack, folder):
        ours = session.with_ours and self.start_ours(session, stack, folder)
        ovs = self.start_ovs(session, stack, folder)
        self.choose_variant(session, ovs)
        if ours:
            yield from self._of(session, ours, control.DatabaseChanger(
                session, ours, self.RATE,
                ('remote-0', setting.CHURN_FIRST_IP, setting.GROUP,
                 setting.OTHER_GROUP)))
        ovs.wake()
        changer = openflow.FlowChanger(
            ovs, 'br-int', openvswitch.churn_changes(), self.RATE,
            os.sched_getaffinity(0) - {session.core})
        yield from self._of(session, ovs, changer, self.name_of(ovs))

    def _of(self, session, program, changer, peer=None):
        program.wake()
        program.settled()
        yield self.dip(session, program, changer, peer)
        yield from self._loss(session, program, changer, peer)
        program.sleep()

    def _loss(self, session, program, changer, peer):
        """At a part of what it can in a window before, without changes.

        What is lost without changes, too, is lost to the machine.
        """
        paced, still = (Paced(program, session.pace) for _ in range(2))
        rates = []
        program.page.resume()
        while not (paced.complete and still.complete):
            time.sleep(session.pace.settle)
            window = rounds.read_window(program, PACED_SECONDS)
            load = LOAD * 1e9 / window.worked_ns
            still.measure(load)
            changer.begin(WINDOWS_IN_ONE * PACED_SECONDS)
            paced.measure(load)
            changes, spent, _ = changer.end()
            rates.append(changes / spent * 1e9)
        for windows, rate in ((paced, statistics.median(rates)), (still, 0)):
            yield windows.figure(
                self, f'{peer + ": " if peer else ""}{rate:.0f} '
                f'{self.CHANGES} a second at {LOAD:.0%} load, '
                f'{windows.totals()[2]:.1f} Mpps; {self.flows} flows', peer,
                None if peer else '0 lost',
                changes_per_second=round(rate, 1))


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
            f'its core; {self.flows} flows',
            f'{range_text(rounds.spread(ratios), 2)}, '
            f'by clock {statistics.median(walls):.2f}',
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
