# SPDX-License-Identifier: Apache-2.0
"""What a change of the model costs: its delay, and that of the packets.

Each case starts df-switchd with a replay port, as the cases of packets do,
and works on its database while it runs.
"""

import dataclasses
import os
import statistics
import subprocess
import time

from figures import Figure
import programs
import rounds
import traffic

MS = 1e3          # of a second
TURNS = 100
STARTS = 3
CHURN_RATE = 1000
RELEVANT_PORTS = 10000
FLOW_CACHE_ENTRIES = 131072
WRITER_SECONDS = 60


def rounded(values, digits=3):
    return {name: round(value, digits) for name, value in values.items()}


def writer_command(bench, switch, *words):
    return [bench.build.built('nb_writer'), switch.database,
            *(str(word) for word in words)]


def start_writer(bench, switch, *words):
    """It has the cores that the worker leaves to all others."""
    others = os.sched_getaffinity(0) - {bench.core}
    return subprocess.Popen(
        writer_command(bench, switch, *words), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, errors='replace',
        preexec_fn=lambda: os.sched_setaffinity(0, others))


def end_writer(writer):
    """Returns the numbers it printed, a list for each line."""
    try:
        output, errors = writer.communicate(timeout=WRITER_SECONDS)
    except subprocess.TimeoutExpired:
        writer.kill()
        raise rounds.MeasureError('nb_writer does not end') from None
    if writer.returncode != 0:
        raise rounds.MeasureError(errors.strip())
    return [[float(word) for word in line.split()]
            for line in output.splitlines()]


@dataclasses.dataclass(frozen=True)
class ControlCase:
    """The traffic, and how many ports the switch knows beside its own."""

    option = ''
    quick = True
    flows: int = 1000
    pairs: int = 1000
    others: int = 0
    kind: str = 'routed'
    watch_mac: int = 0
    settings: dict = dataclasses.field(default_factory=dict)

    def with_flows(self, flows):
        return dataclasses.replace(self, flows=flows,
                                   pairs=min(self.pairs, flows))


class Change(ControlCase):
    """From a write to the first frame that leaves otherwise."""

    option = 'change'
    MS_MOST = 1.0

    def measure(self, bench, stack, folder):
        switch = bench.start_switch(stack, self, folder)
        switch.wake()
        lines = end_writer(start_writer(
            bench, switch, 'turn', 'sink0', traffic.receiver_mac(1),
            traffic.receiver_mac(0), TURNS, switch.page.path))
        committed, in_force = ([ns / 1e6 for ns in times]
                               for times in zip(*lines))
        figures = rounded({'ms': statistics.median(in_force),
                           'ms_max': max(in_force),
                           'commit_ms': statistics.median(committed)})
        yield Figure(
            self.option, f'a port\'s MAC is written, to the first frame with '
            f'it; {self.others} ports known',
            '{ms:.2f} ms (worst of {0} {ms_max:.2f})'.format(TURNS, **figures),
            f'{self.MS_MOST:.0f} ms', figures['ms'] <= self.MS_MOST,
            {'flows': self.flows, 'ports': self.others, 'changes': TURNS,
             **figures})


class Load(ControlCase):
    """Ports of other nodes that are on the networks of this node's."""

    option = 'load'
    quick = False
    MS_MOST = 2000

    def _figure(self, what, seconds, **details):
        figures = rounded({'ms': statistics.median(seconds) * MS,
                           'ms_max': max(seconds) * MS, **details}, 1)
        return Figure(
            self.option, what,
            '{ms:.0f} ms (worst of {0} {ms_max:.0f})'.format(
                len(seconds), **figures),
            f'{self.MS_MOST} ms', figures['ms'] <= self.MS_MOST,
            {'ports': self.others, **figures})

    def _started(self, bench, stack, folder, others):
        folder.mkdir()
        return bench.start_switch(
            stack, dataclasses.replace(self, others=others), folder,
            awake=True)

    @staticmethod
    def _restart(switch):
        switch.stop()
        switch.start()
        return switch.ready_seconds, switch.resident_mib()

    def _cold(self, bench, stack, folder):
        """Starts with all ports in the database, and with none of them."""
        none = self._started(bench, stack, folder / 'none', 0)
        without = [self._restart(none) for _ in range(STARTS)]
        none.stop()
        switch = self._started(bench, stack, folder / 'cold', self.others)
        starts = [self._restart(switch) for _ in range(STARTS)]
        entries = switch.ask('show')['entries']
        switch.stop()
        seconds, memory = zip(*starts)
        yield self._figure(
            f'start of df-switchd, to {self.others} ports in force', seconds,
            ms_without=statistics.median(s for s, _ in without) * MS,
            rss_mib=statistics.median(m['VmRSS'] for m in memory),
            rss_anon_mib=statistics.median(m['RssAnon'] for m in memory),
            rss_mib_without=statistics.median(
                m['VmRSS'] for _, m in without),
            entries=sum(entries.values()))

    def _load_once(self, bench, stack, folder, model):
        """Seconds from the start of df-db load, and from its end."""
        switch = self._started(bench, stack, folder, 0)
        before = switch.ask('show')['objects']['lport']
        started = time.monotonic()
        switch.load(model)
        loaded = time.monotonic()
        while (switch.ask('show')['objects']['lport'] - before
               < self.others):
            if time.monotonic() - loaded > programs.START_SECONDS:
                raise rounds.MeasureError(
                    f'{self.others} ports were loaded and are not known')
            time.sleep(0.002)
        in_force = time.monotonic()
        switch.stop()
        return in_force - started, in_force - loaded

    def measure(self, bench, stack, folder):
        yield from self._cold(bench, stack, folder)
        model = folder / 'others.json'
        traffic.write_model(bench.make_traffic(self)[0], model,
                            programs.Switchd.HOST, self.others)
        loads = [self._load_once(bench, stack, folder / f'load{number}',
                                 model) for number in range(STARTS)]
        whole, after = zip(*loads)
        yield self._figure(
            f'df-db load of {self.others} ports, to all in force', whole,
            ms_after_load=statistics.median(after) * MS)


class DatabaseChanger:
    """Changes the database of a switch that is ours."""

    def __init__(self, bench, switch, rate, words):
        network, first_ip, *groups = words
        self._start = lambda seconds: start_writer(
            bench, switch, 'churn', network, first_ip, rate, seconds, *groups)
        self._switch = switch
        self._writer = None

    def begin(self, seconds):
        self._writer = self._start(seconds)

    def end(self):
        """Returns changes, the nanoseconds they took, and the writer's."""
        return end_writer(self._writer)[0]

    def heard(self):
        """Changes that the switch knows of, since it began."""
        return self._switch.ask('show')['work']['changes']


class Churning:
    """Forwarding, with changes and without them in turn."""

    PERCENT_MOST = 2.0
    RATE = CHURN_RATE
    CHANGES = 'port changes'
    MARGIN = 0.2     # seconds that the writer begins before a window
    WINDOW_LEAST = 0.6

    def _window(self, bench, switch, changer):
        """Returns the window, frames lost, and the changer's numbers."""
        switch.page.pause()
        received, sent = self._counted(switch)
        heard = changer and changer.heard()
        run_ns = switch.control_ns()
        switch.page.begin()
        seconds = max(bench.pace.window, self.WINDOW_LEAST)
        if changer:
            changer.begin(self.MARGIN + seconds)
        time.sleep(self.MARGIN)
        window = rounds.read_window(switch, seconds)
        numbers = {}
        if changer:
            wanted, spent, cpu = changer.end()
            numbers = {'changes': wanted, 'rate': wanted / spent * 1e9,
                       'writer': cpu / spent,
                       'heard': changer.heard() - heard,
                       'control': (switch.control_ns() - run_ns) / spent}
        switch.page.pause()
        received2, sent2 = self._counted(switch)
        return window, (received2 - received) - (sent2 - sent), numbers

    @staticmethod
    def _counted(switch):
        """(received, sent), once no frame is under way."""
        time.sleep(0.05)
        received, sent = switch.page.counted()
        return received.packets, sent.packets

    def _rounds(self, bench, switch, changer):
        """Pairs of windows that count, frames lost in all, the changers'."""
        result, lost, numbers = rounds.Rounds([], []), 0, []
        wanted = 2 * bench.pace.pairs
        progress = bench.progress(f'{self.CHANGES}, beside none', wanted)
        for number in range(wanted * bench.pace.attempts):
            pair = {}
            for who in (None, changer) if number % 2 else (changer, None):
                window, frames, did = self._window(bench, switch, who)
                lost += abs(frames)
                pair[who] = window
                if did:
                    numbers.append(did)
            result.add(pair[changer], pair[None])
            progress(result)
            if len(result.ours) == wanted:
                break
        result.settle(wanted)
        bench.tell_busy(result, wanted)
        return result, lost, numbers

    def dip(self, bench, switch, changer, peer=None):
        """How much longer a packet takes under changes.

        `peer` is the switch's name if it is not ours.
        """
        result, lost, numbers = self._rounds(bench, switch, changer)
        deaf = [did for did in numbers if did['heard'] != did['changes']]
        if deaf:
            raise rounds.MeasureError(
                '{changes:.0f} changes were written and {heard} '
                'heard'.format(**deaf[0]))
        return self._dip_figure(result, lost, numbers, peer)

    def _dip_figure(self, result, lost, numbers, peer):
        percent = [(times - 1) * 100 for times in result.times_peer()]
        rate, control, writer = (
            statistics.median(did[name] for did in numbers)
            for name in ('rate', 'control', 'writer'))
        text = (f'{rate:.0f} {self.CHANGES} a second, beside none; '
                f'{self.flows} flows; {lost} frames lost')
        dip = '{:.1f} % ({:.1f} to {:.1f})'.format(*percent)
        details = {
            'flows': self.flows, **self._times(result, peer),
            **rounded({'percent': percent[0], 'percent_low': percent[1],
                       'percent_high': percent[2]}),
            'lost': lost, 'changes_per_second': round(rate, 1),
            'control_cpu_percent': round(control * 100, 1),
            'writer_cpu_percent': round(writer * 100, 1),
            'pairs_of_windows': len(result.ours),
            **({'busy': True} if result.disturbed else {})}
        if peer:
            return Figure(self.option, f'{peer}: {text}', dip, '-', None,
                          details)
        met = (percent[0] <= self.PERCENT_MOST and lost == 0 and
               rate >= 0.98 * self.RATE)
        return Figure(self.option, text, dip,
                      f'{self.PERCENT_MOST:.0f} %, 0 lost', met, details)

    @staticmethod
    def _times(result, peer):
        """With changes and without; `ours` where the switch is ours."""
        ns, without = result.ours_ns()[0], result.peer_ns()[0]
        if peer:
            return {'peer': peer, **rounded({'peer_ns': ns,
                                             'peer_ns_without': without})}
        return {'peer': 'without changes',
                'ratio': round(1 / result.times_peer()[0], 4),
                **rounded({'ours_ns': ns, 'peer_ns': without})}


class Churn(Churning, ControlCase):
    """Ports that come and go on the network of the receivers."""

    option = 'churn'
    quick = False

    def measure(self, bench, stack, folder):
        switch = bench.start_switch(stack, self, folder)
        switch.wake()
        yield self.dip(bench, switch, DatabaseChanger(
            bench, switch, self.RATE, ('net2', traffic.CHURN_FIRST_IP)))


CASES = (
    # One address pair: whatever frame is next shows the change.
    Change(pairs=1, others=RELEVANT_PORTS, watch_mac=1),
    Load(others=RELEVANT_PORTS,
         settings={'flow_cache_entries': FLOW_CACHE_ENTRIES}),
    Load(others=2 * RELEVANT_PORTS,
         settings={'flow_cache_entries': FLOW_CACHE_ENTRIES}),
    Churn(),
    # What is checked again after a change is out of the CPU's caches.
    Churn(flows=1000000, pairs=1000000),
)
