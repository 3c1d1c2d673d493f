# SPDX-License-Identifier: Apache-2.0
"""Replay ports, as device arguments that any DPDK program takes."""

import dataclasses
import pathlib

import replay


@dataclasses.dataclass(frozen=True)
class Device:
    """One replay port; net_replay.c says what the fields do."""

    name: str                     # of the switch's port
    pcap: pathlib.Path = None     # None: receives nothing
    line: int = 0
    every: int = 1
    phase: int = 0
    repeat: int = 1
    copy: int = None
    mac: str = None
    captured: int = 0             # frames that are written to a file
    watch_mac: int = 0

    def capture_in(self, folder):
        return folder / f'{self.name}.sent.pcap'

    def arguments(self, folder, page):
        """Of a program that works in `folder` and captures if it is to."""
        words = {'pcap': self.pcap, 'ctl': page.path, 'line': self.line,
                 'every': self.every, 'phase': self.phase,
                 'repeat': self.repeat, 'copy': self.copy, 'mac': self.mac,
                 'watch_mac': self.watch_mac}
        if self.captured:
            words |= {'capture': self.capture_in(folder),
                      'capture_frames': self.captured}
        return ','.join(f'{name}={value}' for name, value in words.items()
                        if value is not None)


def page_of(devices, folder):
    return replay.ReplayPage(folder / 'ctl', len(devices))
