# SPDX-License-Identifier: Apache-2.0
"""What has to be on the machine before anything can be measured."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HUGEPAGES = 1792  # of 2 MiB: two of OVS-DPDK, a switch, testpmd
NR_HUGEPAGES = pathlib.Path('/proc/sys/vm/nr_hugepages')
MEMINFO = pathlib.Path('/proc/meminfo')
STARTED = time.monotonic()


class HostError(Exception):
    """The machine cannot run the benchmark."""


def run(command, **options):
    """Run a command that says nothing unless it fails."""
    command = [str(word) for word in command]
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          errors='replace', check=False, **options)
    if done.returncode != 0:
        raise HostError(f'{" ".join(command)} failed:\n{done.stdout}')
    return done.stdout


def say(text):
    """What it does, and when that was since the benchmark was started."""
    minutes, seconds = divmod(int(time.monotonic() - STARTED), 60)
    print(f'bench {minutes}:{seconds:02}: {text}', file=sys.stderr, flush=True)


def install_packages():
    """It says itself what it installs, and why it cannot."""
    done = subprocess.run([ROOT / 'scripts' / 'packages', 'build', 'bench'],
                          stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise HostError('packages are missing')


def _free_hugepages():
    for line in MEMINFO.read_text(encoding='ascii').splitlines():
        if line.startswith('HugePages_Free:'):
            return int(line.split()[1])
    return 0


@contextlib.contextmanager
def hugepages():
    """There are as many free ones as all programs need together.

    Those that had to be reserved are given back at the end.
    """
    before = int(NR_HUGEPAGES.read_text(encoding='ascii'))
    missing = HUGEPAGES - _free_hugepages()
    if missing <= 0:
        yield
        return
    NR_HUGEPAGES.write_text(str(before + missing), encoding='ascii')
    try:
        if _free_hugepages() < HUGEPAGES:
            raise HostError(f'{HUGEPAGES} free hugepages of 2 MiB are needed '
                            'and the machine has no memory for them')
        say(f'{missing} hugepages of 2 MiB are reserved for this run')
        yield
    finally:
        NR_HUGEPAGES.write_text(str(before), encoding='ascii')


class Build:
    """The product and the replay port, compiled for this machine."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.product = self.folder / 'df'
        self.replay = self.folder / 'net_replay'
        self.traffic = self.folder / 'traffic'
        self.plugin = self.replay / 'net_replay.so'

    run = staticmethod(run)

    @staticmethod
    def _compile(source, folder, *options):
        made_with = folder / 'options'
        wanted = '\n'.join(options)
        if not made_with.exists() or made_with.read_text() != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            run(['meson', 'setup', folder, source, *options])
            made_with.write_text(wanted, encoding='utf-8')
        run(['ninja', '-C', folder])

    def make_replay(self):
        say(f'building the replay port in {self.replay}')
        self._compile(ROOT / 'tests' / 'bench', self.replay)
        self.traffic.mkdir(exist_ok=True)

    def make_product(self):
        say(f'building the switch in {self.product}')
        self._compile(ROOT, self.product, '--buildtype=release',
                      '-Dcpu=native', '-Dtests=false', '-Dbench=true')

    def built(self, name):
        """The path of a program or module of the product."""
        for folder in ('control', 'dbsync', 'apps', 'tests'):
            for path in (self.product / folder).glob(f'**/{name}'):
                if path.is_file():
                    return path
        raise HostError(f'the build in {self.product} has no {name}')


def check(core):
    if os.geteuid() != 0:
        raise HostError('needs root: for hugepages, and to keep other work '
                        'off the core')
    if core not in os.sched_getaffinity(0) or core == 0:
        raise HostError(f'needs a core beside core 0, and {core} is none')
