# SPDX-License-Identifier: Apache-2.0
"""A database server and a publisher of one's own, on private ports."""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import time

START_SECONDS = 30


class Failed(Exception):
    """Something did not start; the message says why."""


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def _wait(process, port, log):
    """Until the port is listened to, or the process ended.

    A kernel tells nobody that a port is listened to, so it is tried.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.02)
    raise Failed(f'{process.args[0]} does not start: '
                 + log.read_text(errors='replace')[-2000:])


def _cpu_seconds(pid):
    """CPU time of a process, or of none."""
    try:
        stat = pathlib.Path(f'/proc/{pid}/stat').read_text(encoding='ascii')
    except OSError:
        return 0.0
    fields = stat.rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Servers:
    """What the nodes of one run speak with. A context."""

    def __init__(self, database, publisher_program, folder):
        self.database = database
        self.publisher_program = publisher_program    # None: none
        self.folder = pathlib.Path(folder)
        self.port, self.publisher_port = free_port(), free_port()
        self._stack = contextlib.ExitStack()
        self._database = self._publisher = None

    @property
    def location(self):
        return f'{self.database}:127.0.0.1:{self.port}'

    @property
    def ipc(self):
        return f'ipc://{self.folder}/push'

    def _start(self, name, port, command):
        if not shutil.which(command[0]):
            raise Failed(f'{command[0]} is not there; run scripts/packages '
                         'build test')
        log = self.folder / f'{name}.log'
        with log.open('wb') as output:
            process = subprocess.Popen(command, stdout=output,
                                       stderr=subprocess.STDOUT,
                                       cwd=self.folder)
        self._stack.callback(self._stop, process)
        _wait(process, port, log)
        return process

    @staticmethod
    def _stop(process):
        process.kill()
        process.wait()

    def _etcd(self):
        client = f'http://127.0.0.1:{self.port}'
        peer = f'http://127.0.0.1:{free_port()}'
        return ['etcd', '--data-dir', 'etcd', '--log-level', 'error',
                '--listen-client-urls', client,
                '--advertise-client-urls', client,
                '--listen-peer-urls', peer,
                '--quota-backend-bytes', str(4 << 30)]

    def _redis(self):
        return ['redis-server', '--bind', '127.0.0.1', '--port',
                str(self.port), '--dir', str(self.folder), '--save', '',
                '--appendonly', 'yes']

    def __enter__(self):
        try:
            command = {'etcd': self._etcd, 'redis': self._redis}
            self._database = self._start(self.database, self.port,
                                         command[self.database]())
            return self
        except BaseException:
            self._stack.close()
            raise

    def __exit__(self, *_):
        self._stack.close()

    def start_publisher(self):
        """After the database was made: it publishes what changes then."""
        if self.publisher_program:
            self._publisher = self._start(
                'publisher', self.publisher_port,
                [str(self.publisher_program), '--db', self.location, '--bind',
                 f'tcp://127.0.0.1:{self.publisher_port}', '--ipc', self.ipc,
                 '--name', 'simulate'])

    def cpu_seconds(self):
        """(of the database, of the publisher)."""
        return tuple(_cpu_seconds(process.pid) if process else 0.0
                     for process in (self._database, self._publisher))
