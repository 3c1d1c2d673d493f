# SPDX-License-Identifier: Apache-2.0
"""Changes of OVS's flows, many a second, by one OpenFlow connection.

ovs-ofctl knows how to write a change as OpenFlow, but takes longer to start
than is between two changes. So each change is made once by it, through a
relay that keeps what it sent, and later that is said again.
"""

import contextlib
import math
import os
import select
import socket
import struct
import threading
import time

import programs

VERSION = 5             # OpenFlow 1.4
HELLO, ERROR, ECHO_REQUEST, ECHO_REPLY = range(4)
BUNDLE_CONTROL, BUNDLE_ADD = 33, 34
COMMIT_REPLY = 5
HEADER = struct.Struct('!BBHI')
ANSWER_SECONDS = 10


def messages_of(stream):
    """Takes whole messages from a bytearray: yields (type, bytes)."""
    while len(stream) >= HEADER.size:
        _, kind, length, _ = HEADER.unpack_from(stream)
        if len(stream) < length:
            return
        message = bytes(stream[:length])
        del stream[:length]
        yield kind, message


def relay(client, switch):
    """Carries a connection; returns what of bundles the client said."""
    said, stream = b'', bytearray()
    other = {client: switch, switch: client}
    while True:
        for end in select.select(list(other), [], [])[0]:
            data = end.recv(65536)
            if not data:
                return said
            other[end].sendall(data)
            if end is client:
                stream += data
                said += b''.join(
                    message for kind, message in messages_of(stream)
                    if kind in (BUNDLE_CONTROL, BUNDLE_ADD))


def relay_all(listener, path, said):
    """Carries connections to the socket at `path` until one had a bundle.

    ovs-ofctl asks for the names of tables by one of its own.
    """
    while not said:
        with listener.accept()[0] as client, socket.socket(
                socket.AF_UNIX) as switch:
            switch.connect(path)
            said += relay(client, switch)


def recorded(switch, bridge, lines):
    """What ovs-ofctl says to make a change, after it has made it."""
    path, change = switch.folder / 'relay', switch.folder / 'change'
    change.write_text('\n'.join(lines) + '\n', encoding='ascii')
    said = bytearray()
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        stack.callback(path.unlink)
        listener.listen()
        listener.settimeout(ANSWER_SECONDS)
        thread = threading.Thread(target=relay_all, daemon=True, args=(
            listener, str(switch.bridge_socket(bridge)), said))
        thread.start()
        switch.run(switch.installation.bin / 'ovs-ofctl', '--bundle', '-O',
                   'OpenFlow14', 'add-flows', f'unix:{path}', change)
        thread.join()
    return bytes(said)


class Connection:
    """To a bridge, kept open."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.connect(path)
        self._stream = bytearray()
        self._socket.sendall(HEADER.pack(VERSION, HELLO, HEADER.size, 1))

    def commit(self, messages):
        """Say a bundle, and wait until it is in force."""
        self._socket.sendall(messages)
        while True:
            for kind, message in messages_of(self._stream):
                if kind == ERROR:
                    raise programs.ProgramError(
                        f'OVS refuses a change: {message.hex()}')
                if kind == ECHO_REQUEST:
                    self._socket.sendall(message[:1] + bytes([ECHO_REPLY]) +
                                         message[2:])
                if (kind == BUNDLE_CONTROL and
                        int.from_bytes(message[12:14], 'big') ==
                        COMMIT_REPLY):
                    return
            data = self._socket.recv(65536)
            if not data:
                raise programs.ProgramError('OVS ends the connection')
            self._stream += data

    def close(self):
        self._socket.close()


class _Writer(threading.Thread):
    """Makes changes at a rate, until it has made so many."""

    def __init__(self, path, messages, rate, cores):
        super().__init__(daemon=True)
        self._path, self._messages = path, messages
        self._rate, self._cores = rate, cores
        self.numbers = None

    def run(self):
        os.sched_setaffinity(0, self._cores)    # of this thread
        with contextlib.closing(Connection(self._path)) as connection:
            begun = time.monotonic()
            for number, messages in enumerate(self._messages):
                time.sleep(max(0, begun + number / self._rate -
                               time.monotonic()))
                connection.commit(messages)
            self.numbers = (len(self._messages),
                            (time.monotonic() - begun) * 1e9,
                            time.thread_time() * 1e9)


class FlowChanger:
    """Makes changes to a bridge of a switch, as DatabaseChanger does."""

    def __init__(self, switch, bridge, changes, rate, cores):
        """`changes` are lines for ovs-ofctl; after all it is as before."""
        self._path = str(switch.bridge_socket(bridge))
        self._messages = [recorded(switch, bridge, lines)
                          for lines in changes]
        self._rate, self._cores = rate, cores
        self._heard = 0
        self._writer = None

    def begin(self, seconds):
        times = math.ceil(self._rate * seconds / len(self._messages))
        self._writer = _Writer(self._path, self._messages * times,
                               self._rate, self._cores)
        self._writer.start()

    def end(self):
        """Returns changes, the nanoseconds they took, and the writer's."""
        self._writer.join()
        if self._writer.numbers is None:
            raise programs.ProgramError('OVS does not take all changes')
        self._heard += self._writer.numbers[0]
        return self._writer.numbers

    def heard(self):
        """It has answered each."""
        return self._heard
