# SPDX-License-Identifier: Apache-2.0
"""One run of the benchmark: what is built, where, and how fast to go."""

import dataclasses
import pathlib
import shutil
import sys

import devices as devs
from host import say
import openvswitch
import programs
import rounds
import traffic

FULL = rounds.Pace(pairs=10, settle=0.5, window=2.0)
QUICK = rounds.Pace(pairs=5, settle=0.2, window=0.4, attempts=2)
CAPTURED = 1000     # frames


@dataclasses.dataclass
class Session:
    build: object              # host.Build
    folder: pathlib.Path
    core: int                  # the worker's
    pace: rounds.Pace
    ovs: openvswitch.Installation
    variants: tuple = openvswitch.VARIANTS
    with_ours: bool = True     # else only the peers are measured

    say = staticmethod(say)

    def make_traffic(self, case):
        """The frames, made once and kept, as a million take seconds."""
        flows = traffic.Traffic(case.kind, case.flows, case.pairs)
        frames = self.build.traffic / f'{flows.name}.pcap'
        if not frames.exists():
            unfinished = frames.with_suffix('.new')
            traffic.write_pcap(flows, unfinished)
            unfinished.rename(frames)
        return flows, frames

    def traffic_devices(self, frames, **sink):
        """The ports of traffic.py: all senders, all receivers."""
        return [devs.Device('replay0', frames),
                devs.Device('sink0', line=1, captured=CAPTURED, **sink)]

    @staticmethod
    def start(stack, program, awake=False):
        stack.callback(program.stop)
        program.start()
        if not awake:
            program.sleep()
        return program

    def start_switch(self, stack, case, folder, awake=False):
        """A switch that has sent what it should of traffic.py."""
        flows, frames = self.make_traffic(case)
        model = folder / 'model.json'
        traffic.write_model(flows, model, programs.Switchd.HOST, case.others)
        switch = programs.Switchd(
            self.build, folder, self.core,
            self.traffic_devices(frames, watch_mac=case.watch_mac), model,
            **case.settings)
        self.start(stack, switch, awake)
        self.check_traffic(case, flows, switch)
        return switch

    @staticmethod
    def check_traffic(case, flows, program):
        compared = traffic.check_capture(flows, program.captures()['sink0'])
        say(f'{case.option}, {case.flows} flows: {compared} frames that '
            f'{program.name} sent are right in every field')

    @staticmethod
    def tell_busy(result, wanted):
        if result.disturbed:
            say('other work on the core in every window: the quietest count, '
                'without the time that the worker waited')
        elif len(result.ours) < wanted:
            say(f'other work on the core: only {len(result.ours)} of '
                f'{wanted} pairs of windows count')

    @staticmethod
    def progress(what, wanted):
        """How far it is, on one line of a terminal."""
        def show(result):
            done = len(result.ours)
            print(f'bench: {what}: {done} of {wanted} pairs '
                  f'of windows, {result.discarded} discarded',
                  end='\n' if done == wanted else '\r',
                  file=sys.stderr, flush=True)
        return show if sys.stderr.isatty() else lambda result: None

    def workload_files(self, work):
        """The folder of its files, made once."""
        folder = self.build.traffic / work.name
        if not folder.exists():
            unfinished = folder.with_suffix('.new')
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            work.write(unfinished)
            unfinished.rename(folder)
        return folder
