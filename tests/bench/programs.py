# SPDX-License-Identifier: Apache-2.0
"""The programs that are measured: df-switchd and its peers.

Each receives the same frames from a replay port, with one worker on the same
core; only one of them is awake at a time.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import replay

START_SECONDS = 60
PASS_SECONDS = 30
BURST = 32
DESCRIPTORS = 512


class ProgramError(Exception):
    """A program does not start, or does not do its work."""


def worker_task(pid, core):
    """The thread that has the core to itself."""
    tasks = []
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        status = (task / 'status').read_text(encoding='ascii')
        if f'Cpus_allowed_list:\t{core}\n' in status:
            run = int((task / 'schedstat').read_text().split()[0])
            tasks.append((run, task))
    if not tasks:
        raise ProgramError(f'no thread of process {pid} is bound to core '
                           f'{core}')
    return max(tasks)[1]


class Program:
    """A program with a replay port.

    `source` and `sink` are the control pages of the ports that it receives
    from and sends to.
    """

    name = ''
    source = sink = None

    def __init__(self, folder, core):
        self.folder = folder / self.name
        self.folder.mkdir()
        self.core = core
        self.process = None
        self.task = None
        self._prepared = False

    def prepare(self):
        """Put what it needs into its folder, before the first start."""

    def command(self):
        """What to run."""
        raise NotImplementedError

    def environment(self):
        """What it is told beside."""
        return dict(os.environ)

    @property
    def log(self):
        return self.folder / 'log'

    def start(self):
        """Start, and wait until it forwards the whole file."""
        if not self._prepared:
            self.prepare()
            self._prepared = True
        self._launch()
        self._wait(lambda: self.source.ready and self.sink.ready,
                   START_SECONDS, 'does not open its ports')
        self._wait(self._forwards_all, START_SECONDS,
                   'does not forward all frames')
        self.task = worker_task(self.process.pid, self.core)

    def _launch(self):
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.PIPE, stdout=log,
                stderr=subprocess.STDOUT, env=self.environment(),
                start_new_session=True)
        with contextlib.suppress(OSError):
            # A session competes with others by this, not by its nice value.
            pathlib.Path(f'/proc/{self.process.pid}/autogroup').write_text(
                '-20', encoding='ascii')

    def _wait(self, condition, seconds, complaint):
        deadline = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None:
                complaint = f'ended with status {self.process.returncode}'
            elif time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            raise ProgramError(f'{self.name} {complaint}; {self.traffic()}; '
                               f'its log ends with:\n{self._log_end()}')

    def _log_end(self):
        lines = self.log.read_text(errors='replace').splitlines()
        return '\n'.join(f'    {line}' for line in lines[-15:])

    def traffic(self):
        """In words."""
        return (f'{self.source.received().packets} received, '
                f'{self.sink.sent().packets} sent')

    def _forwards_all(self):
        received = self.source.received().packets
        sent = self.sink.sent().packets
        self.source.begin(passes=1)
        self._wait(lambda: self.source.finished, PASS_SECONDS,
                   'does not receive')
        time.sleep(0.05)
        received = self.source.received().packets - received
        return self.sink.sent().packets - sent >= received

    def sleep(self):
        """Cost the core nothing."""
        self.source.pause()
        os.kill(self.process.pid, signal.SIGSTOP)

    def wake(self):
        os.kill(self.process.pid, signal.SIGCONT)
        self.source.begin()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.source.pause()
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Testpmd(Program):
    """DPDK's own forwarder in one of its modes, which do next to nothing."""

    def __init__(self, mode, build, folder, core, frames):
        self.mode = mode
        self.name = f'testpmd-{mode}'
        super().__init__(folder, core)
        self.build = build
        self.frames = frames
        self.source = self.sink = replay.ReplayPage(self.folder / 'ctl')

    def command(self):
        return [
            'dpdk-testpmd', '--in-memory', '--no-pci',
            f'--file-prefix={self.folder.parent.name}-{self.name}',
            '--main-lcore=0', '-l', f'0,{self.core}',
            '-d', self.build.plugin,
            f'--vdev=net_replay0,pcap={self.frames},ctl={self.source.path}',
            '--', f'--forward-mode={self.mode}', '--nb-cores=1',
            f'--burst={BURST}', f'--rxd={DESCRIPTORS}',
            f'--txd={DESCRIPTORS}', '--total-num-mbufs=16384',
            '--port-topology=loop']


class Switchd(Program):
    """df-switchd on the embedded database."""

    name = 'df-switchd'

    CONFIG = """\
[df]
host = {host}
nb_db_class = lmdb
apps_list = l2,l3,portsec,dhcp
apps_dir = {apps}
[lmdb]
path = {folder}/nb
[fastpath]
workers = {core}
ports = replay0=net_replay0,pcap={frames},ctl={source} \
sink0=net_replay1,ctl={sink},capture={capture},capture_frames={captured},\
watch_mac={watch_mac}
plugins = {plugin}
flow_cache_entries = {flow_cache_entries}
[rpc]
socket = {folder}/df.sock
"""
    HOST = 'bench'
    CAPTURED = 1000
    FLOW_CACHE_ENTRIES = 2097152

    def __init__(self, build, folder, core, frames, model,
                 flow_cache_entries=FLOW_CACHE_ENTRIES, watch_mac=0):
        super().__init__(folder, core)
        self.build = build
        self.frames = frames
        self.model = model
        self.flow_cache_entries = flow_cache_entries
        self.watch_mac = watch_mac
        self.source = replay.ReplayPage(self.folder / 'replay0')
        self.sink = replay.ReplayPage(self.folder / 'sink0')
        self.capture = self.folder / 'sent.pcap'
        self.ready_seconds = None
        self._rpc = None

    @property
    def database(self):
        return self.folder / 'nb'

    def load(self, model):
        self.build.run([self.build.built('df-db'), '--db',
                        f'lmdb:{self.database}', 'load', model])

    def prepare(self):
        (self.folder / 'dragonflow.ini').write_text(self.CONFIG.format(
            host=self.HOST, apps=self.build.built('df_app_l2.so').parent,
            folder=self.folder, core=self.core,
            frames=self.frames, source=self.source.path,
            sink=self.sink.path, capture=self.capture,
            captured=self.CAPTURED, watch_mac=self.watch_mac,
            plugin=self.build.plugin,
            flow_cache_entries=self.flow_cache_entries), encoding='utf-8')
        self.build.run([self.build.built('df-db'), '--db',
                        f'lmdb:{self.database}', 'init'])
        self.load(self.model)

    def command(self):
        return [self.build.built('df-switchd'), '--config',
                self.folder / 'dragonflow.ini']

    def environment(self):
        return dict(os.environ, NOTIFY_SOCKET=str(self.folder / 'notify'))

    def _launch(self):
        """Start, and note how long it takes until it says READY.

        What the database holds is in force then.
        """
        path = self.folder / 'notify'
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(path))
            notify.settimeout(0.2)
            started = time.monotonic()
            super()._launch()
            self._wait(lambda: self._says_ready(notify), START_SECONDS,
                       'does not get ready')
            self.ready_seconds = time.monotonic() - started

    @staticmethod
    def _says_ready(notify):
        with contextlib.suppress(TimeoutError):
            return b'READY=1' in notify.recv(4096)
        return False

    def ask(self, method, **params):
        """The answer of a remote procedure."""
        if self._rpc is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(self.folder / 'df.sock'))
            self._rpc = connection.makefile('rw', encoding='utf-8')
        self._rpc.write(json.dumps({'jsonrpc': '2.0', 'id': 1,
                                    'method': method, 'params': params}))
        self._rpc.write('\n')
        self._rpc.flush()
        answer = json.loads(self._rpc.readline())
        if 'error' in answer:
            raise ProgramError(f'{self.name}: {answer["error"]["message"]}')
        return answer['result']

    def stop(self):
        if self._rpc is not None:
            self._rpc.close()
            self._rpc = None
        super().stop()

    def resident_mib(self):
        """Memory beside hugepages, which are the data plane's."""
        status = pathlib.Path(f'/proc/{self.process.pid}/status').read_text(
            encoding='ascii')
        fields = dict(line.split(':', 1) for line in status.splitlines())
        return {name: int(fields[name].split()[0]) / 1024
                for name in ('VmRSS', 'RssAnon', 'RssFile', 'RssShmem')}

    def control_ns(self):
        """Time that the control thread has run, by now."""
        pid = self.process.pid
        task = pathlib.Path(f'/proc/{pid}/task/{pid}/schedstat')
        return int(task.read_text(encoding='ascii').split()[0])
