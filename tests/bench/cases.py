# SPDX-License-Identifier: Apache-2.0
"""What is measured, beside whom, and what it is to cost."""

import contextlib
import dataclasses
import pathlib
import shutil
import tempfile
import time

import cloud
import figures
from figures import Aims
import host
from host import say
import openvswitch
import programs
import rounds
import traffic
import workload

FAILURES = (programs.ProgramError, rounds.MeasureError, workload.BadCapture,
            traffic.BadCapture, host.HostError,
            FileNotFoundError, ProcessLookupError)    # a program ended
VARIANT_PACE = rounds.Pace(pairs=3, settle=0.3, window=0.7)
QUICK_VARIANT_PACE = rounds.Pace(pairs=2, settle=0.2, window=0.3)


@dataclasses.dataclass(frozen=True)
class PacketCase:
    """Time of a packet, beside a switch and beside next to nothing."""

    option: str
    flows: int
    pairs: int
    kind: str
    aims: Aims = Aims()
    quick: bool = True      # is it one that a quick run measures?

    @property
    def name(self):
        """As the report has it: there, pairs are a column."""
        return 'routed' if self.option == 'routed-pairs' else self.option

    def with_flows(self, flows):
        """The same with another number of flows, for which no aim is set."""
        pairs = flows if self.pairs == self.flows else self.pairs
        return dataclasses.replace(self, flows=flows, pairs=min(pairs, flows),
                                   aims=Aims())

    def measure(self, session, stack, folder):
        """Yields figures."""
        peers = self.start_peers(session, stack, folder)
        switch = next((peer for peer in peers
                       if isinstance(peer, openvswitch.OpenVSwitch)), None)
        details = {}
        if switch:
            details[switch] = self.choose_variant(session, switch)
        if not session.with_ours:
            for peer in peers:
                yield figures.alone(self, self.name_of(peer),
                                    self.measure_alone(peer, session.pace),
                                    details.get(peer))
            yield from self.after(session, peers)
            return
        ours = self.start_ours(session, stack, folder)
        results = self.measure_rounds(session, ours, peers)
        for peer, result in zip(peers, results):
            session.tell_busy(result, session.pace.pairs)
            yield figures.beside(self, self.name_of(peer), result,
                                 self.aims_beside(peer), details.get(peer))
        yield from self.after(session, [ours, *peers])

    def after(self, session, programs_):
        """Further figures of the same programs, ours first."""
        return ()

    def aims_beside(self, _peer):
        return self.aims

    @staticmethod
    def name_of(peer):
        variant = getattr(peer, 'variant', None)
        return variant.name if variant else peer.name

    def choose_variant(self, session, switch):
        """Leaves the switch asleep in its best configuration.

        Returns what the others cost, for the record.
        """
        pace = (QUICK_VARIANT_PACE if session.pace.window < 1
                else VARIANT_PACE)
        tried = {}
        for variant in session.variants:
            if self._change_variant(switch, variant):
                tried[variant] = self.measure_alone(switch, pace)[0]
        self._change_variant(switch, min(tried, key=tried.get))
        say(', '.join(f'{variant.name} {ns:.0f} ns'
                      for variant, ns in tried.items()))
        return {'tried_ns': {variant.name: round(ns, 1)
                             for variant, ns in tried.items()},
                'megaflows': switch.megaflows, 'flow_limit': switch.limit}

    @staticmethod
    def _change_variant(switch, variant):
        """Under traffic; False if this build of it cannot."""
        switch.wake()
        try:
            switch.configure(variant)
        except programs.ProgramError as error:
            say(f'{variant.name}: {error}')
            return False
        finally:
            switch.sleep()
        return True

    def measure_alone(self, program, pace):
        return rounds.measure_alone(program, pace, self.window)

    def measure_rounds(self, session, ours, peers):
        names = ', '.join(self.name_of(peer) for peer in peers)
        return rounds.measure(
            ours, peers, session.pace,
            session.progress(f'beside {names}', session.pace.pairs),
            self.window)

    window = staticmethod(rounds.measure_window)


@dataclasses.dataclass(frozen=True)
class TrafficCase(PacketCase):
    """Through the two ports of traffic.py."""

    others: int = 0
    watch_mac: int = 0
    with_ovs: bool = False
    settings: dict = dataclasses.field(default_factory=dict)

    def start_ours(self, session, stack, folder):
        return session.start_switch(stack, self, folder)

    def start_peers(self, session, stack, folder):
        flows, frames = session.make_traffic(self)
        devices = session.traffic_devices(frames)
        peers = []
        if self.with_ovs:
            switch = session.start(stack, openvswitch.OpenVSwitch(
                session.ovs, session.build, folder, session.core, devices,
                openvswitch.traffic_flows(flows)))
            session.check_traffic(self, flows, switch)
            peers.append(switch)
        peers.append(session.start(stack, programs.Testpmd(
            '5tswap', session.build, folder, session.core, devices[:1])))
        return peers


@dataclasses.dataclass(frozen=True)
class PortCase(TrafficCase):
    """The replay port itself: what there is to subtract."""

    def start_ours(self, session, stack, folder):
        _, frames = session.make_traffic(self)
        return session.start(stack, programs.Testpmd(
            'io', session.build, folder, session.core,
            session.traffic_devices(frames)[:1]))


@dataclasses.dataclass(frozen=True)
class CloudCase(PacketCase):
    """Through the node of setting.py."""

    repeat: int = 1
    sizes: str = '64'

    def work(self):
        return workload.Workload(self.kind, self.flows, self.pairs,
                                 self.repeat, self.sizes)

    def start_checked(self, session, stack, program, files):
        program = session.start(stack, program)
        compared = cloud.check_captures(self.work(), files, program)
        say(f'{self.option}, {self.flows} flows: {compared} frames that '
            f'{program.name} sent are right in every field')
        return program

    def start_ours(self, session, stack, folder, workers=None):
        work = self.work()
        files = session.workload_files(work)
        return self.start_checked(session, stack, cloud.Switch(
            session.build, folder, session.core, work, files, workers), files)

    def measure_rounds(self, session, ours, peers):
        """After one more pass, as each slept while the others started.

        Who has not seen a flow for long may look at it anew.
        """
        for program in (ours, *peers):
            program.wake_for_change()
            time.sleep(session.pace.settle)
            program.settled()
            program.run_pass(program.passes[-1])
            program.sleep()
        return super().measure_rounds(session, ours, peers)

    def start_ovs(self, session, stack, folder):
        work = self.work()
        files = session.workload_files(work)
        return self.start_checked(
            session, stack, cloud.ovs_of(session, folder, work, files), files)

    def start_peers(self, session, stack, folder):
        work = self.work()
        files = session.workload_files(work)
        return [self.start_ovs(session, stack, folder),
                session.start(stack, cloud.testpmd_of(
                    session, folder, work, files))]


@dataclasses.dataclass(frozen=True)
class GrowingCase(CloudCase):
    """Beside OVS-DPDK as it starts, too.

    Its limit of flows grows by itself from 10,000, a thousand each half
    second, and until then what is over it goes to its slow path.
    """

    def start_peers(self, session, stack, folder):
        peers = super().start_peers(session, stack, folder)
        work = self.work()
        files = session.workload_files(work)
        growing = folder / 'growing'
        growing.mkdir()
        switch = cloud.ovs_of(session, growing, work, files)
        switch.preset_limit = False
        switch.variant = dataclasses.replace(switch.variant,
                                             name='ovs-dpdk-growing')
        return peers + [self.start_checked(session, stack, switch, files)]

    def aims_beside(self, peer):
        """It thrashes only as long as its limit is below the flows."""
        growing = not getattr(peer, 'preset_limit', True)
        return Aims(faster=100) if growing else self.aims


@dataclasses.dataclass(frozen=True)
class SessionCase(CloudCase):
    """Connections from SYN to FIN: time of each of their packets."""

    PACKETS = len(workload.TCP_LIFE)     # of a connection

    def measure(self, session, stack, folder):
        for figure in super().measure(session, stack, folder):
            rates = {f'{whose}_connections_per_second':
                     round(1e9 / self.PACKETS / ns[0])
                     for whose, ns in (('our', figure.ours),
                                       ('peer', figure.theirs)) if ns}
            if not figure.against_switch:
                rates.pop('peer_connections_per_second')
            yield dataclasses.replace(figure, details=figure.details | rates)


@dataclasses.dataclass(frozen=True)
class NewCase(SessionCase):
    """All connections are new: one pass, after all were forgotten."""

    PACKETS = 1

    def window(self, program, pace):
        program.wake_for_change()
        if hasattr(program, 'forget_connections'):
            program.forget_connections()
        window = rounds.measure_pass(program)
        program.sleep()
        return window


def measure(case, session):
    """Yields the figures of a case, in a folder of its own."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(tempfile.mkdtemp(dir=session.folder))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield from case.measure(session, stack, folder)
