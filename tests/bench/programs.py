# SPDX-License-Identifier: Apache-2.0
"""The programs that are measured: df-switchd and testpmd.

Each receives the same frames from replay ports, with one worker on the same
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

import devices as devs

START_SECONDS = 60
PASS_SECONDS = 120
BURST = 32
DESCRIPTORS = 2048     # of a queue, as many as df-switchd asks for


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
    """A program with replay ports.

    `page` is the control page that they share. `passes` says what it gets
    to see before it is measured: for each pass of all frames the lines that
    receive nothing in it. It must send all that it gets in the last one.
    """

    name = ''

    def __init__(self, folder, core, devices, passes=((),)):
        self.folder = folder / self.name
        self.folder.mkdir()
        self.core = core
        self.devices = devices
        self.passes = passes
        self.page = devs.page_of(devices, self.folder)
        self.process = None
        self.task = None
        self._prepared = False
        self._endless = False

    def device_arguments(self):
        """Of each device, for `net_replay` and a number before them."""
        return [device.arguments(self.folder, self.page)
                for device in self.devices]

    def captures(self):
        """What was captured of each device that captures."""
        return {device.name: device.capture_in(self.folder)
                for device in self.devices if device.captured}

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
        self._wait(lambda: self.page.ready, START_SECONDS,
                   'does not open its ports')
        self.warm_up()
        self.task = worker_task(self.process.pid, self.core)

    def warm_up(self):
        """Let it see all frames, and wait until it forwards them."""
        for muted in self.passes[:-1]:
            self.run_pass(muted)
        self._wait(self._forwards_all, START_SECONDS,
                   'does not forward all frames')

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
        received, sent = self.page.counted()
        return f'{received.packets} received, {sent.packets} sent'

    def run_pass(self, muted=()):
        """Let it receive all frames once; returns (received, sent)."""
        received, sent = self.page.counted()
        self._endless = False
        self.page.begin(passes=1, muted=muted)
        self._wait(lambda: self.page.finished, PASS_SECONDS,
                   'does not receive')
        time.sleep(0.05)
        received2, sent2 = self.page.counted()
        return (received2.packets - received.packets,
                sent2.packets - sent.packets)

    def _forwards_all(self):
        received, sent = self.run_pass(self.passes[-1])
        return sent >= received

    def sleep(self):
        """Cost the core nothing."""
        self.page.pause()
        os.kill(self.process.pid, signal.SIGSTOP)

    def wake(self):
        """Go on with the frames where it went to sleep."""
        os.kill(self.process.pid, signal.SIGCONT)
        if self._endless:
            self.page.resume()
        else:
            self.page.begin()
            self._endless = True

    def wake_for_change(self):
        """Awake, but without frames: it is asked for something."""
        self.page.pause()
        os.kill(self.process.pid, signal.SIGCONT)

    def settled(self):
        """It has been awake for a while, and a window begins."""

    def control_ns(self):
        """Time that all its threads but the worker have run, by now."""
        total = 0
        for task in pathlib.Path(f'/proc/{self.process.pid}/task').iterdir():
            with contextlib.suppress(FileNotFoundError):
                if task != self.task:
                    total += int((task / 'schedstat').read_text(
                        encoding='ascii').split()[0])
        return total

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.page.pause()
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()     # testpmd waits for a line, else
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Testpmd(Program):
    """DPDK's own forwarder in one of its modes, which do next to nothing."""

    def __init__(self, mode, build, folder, core, devices):
        self.mode = mode
        self.name = f'testpmd-{mode}'
        super().__init__(folder, core, devices)
        self.build = build

    def command(self):
        return [
            'dpdk-testpmd', '--in-memory', '--no-pci',
            f'--file-prefix={self.folder.parent.name}-{self.name}',
            '--main-lcore=0', '-l', f'0,{self.core}',
            '-d', self.build.plugin,
            *(f'--vdev=net_replay{number},{arguments}' for number, arguments
              in enumerate(self.device_arguments())),
            '--', f'--forward-mode={self.mode}', '--nb-cores=1',
            f'--burst={BURST}', f'--rxd={DESCRIPTORS}',
            f'--txd={DESCRIPTORS}', '--total-num-mbufs=16384',
            '--port-topology=loop']


class Switchd(Program):
    """df-switchd on the embedded database."""

    name = 'df-switchd'

    HOST = 'bench'
    APPS = 'l2,l3,portsec,dhcp'
    FLOW_CACHE_ENTRIES = 2097152

    def __init__(self, build, folder, core, devices, model, passes=((),),
                 df=None, sections=None, **fastpath):
        """`df`, `sections` and `fastpath` are further configuration."""
        super().__init__(folder, core, devices, passes)
        self.build = build
        self.model = model
        self.df = df or {}
        self.sections = sections or {}
        self.fastpath = fastpath
        self.ready_seconds = None
        self._rpc = None

    def config(self):
        ports = '\n '.join(
            f'{device.name}=net_replay{number},{arguments}'
            for number, (device, arguments)
            in enumerate(zip(self.devices, self.device_arguments())))
        return {
            'df': {'host': self.HOST, 'nb_db_class': 'lmdb',
                   'apps_list': self.APPS,
                   'apps_dir': self.build.built('df_app_l2.so').parent,
                   **self.df},
            'lmdb': {'path': self.database},
            'fastpath': {'workers': self.core, 'ports': ports,
                         'plugins': self.build.plugin,
                         'flow_cache_entries': self.FLOW_CACHE_ENTRIES,
                         **self.fastpath},
            'rpc': {'socket': self.folder / 'df.sock'},
            **self.sections}

    @property
    def database(self):
        return self.folder / 'nb'

    def load(self, model):
        self.build.run([self.build.built('df-db'), '--db',
                        f'lmdb:{self.database}', 'load', model])

    def prepare(self):
        text = ''.join(
            f'[{section}]\n' + ''.join(f'{key} = {value}\n'
                                       for key, value in keys.items())
            for section, keys in self.config().items())
        (self.folder / 'dragonflow.ini').write_text(text, encoding='utf-8')
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
