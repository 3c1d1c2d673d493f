#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How soon a change is in force: usage: DF_DB_PROGRAM SOCKET LPORT TIMES.

Asks df-switchd to say when the next version of a port is in force, then has
df-db write it. The answer can come before df-db ends, as its commit comes
first: then the delay is negative. Prints the median and the worst in us.
"""

import json
import socket
import statistics
import subprocess
import sys
import threading
import time


class Switch:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.stream = self.socket.makefile('rw')

    def ask(self, method, **params):
        request = {'jsonrpc': '2.0', 'id': 1, 'method': method,
                   'params': params}
        self.stream.write(json.dumps(request) + '\n')
        self.stream.flush()

    def answer(self):
        answer = json.loads(self.stream.readline())
        if 'error' in answer:
            sys.exit(f'df-switchd: {answer["error"]["message"]}')
        return answer['result']


class Writer(threading.Thread):
    """Runs df-db and notes when it ended."""

    def __init__(self, command):
        super().__init__()
        self.command = command
        self.ended = None

    def run(self):
        if subprocess.run(self.command, stdout=subprocess.DEVNULL,
                          check=False).returncode == 0:
            self.ended = time.monotonic()


def change(program, switch, lport, number):
    """Returns the seconds from df-db's end until the change is in force."""
    switch.ask('wait', lport=lport, timeout=10)
    version = switch.answer()['applied_version'] + 1
    switch.ask('wait', lport=lport, version=version, timeout=10)
    writer = Writer([program, 'set', 'lport', lport, f'name=change{number}'])
    writer.start()
    switch.answer()
    in_force = time.monotonic()
    writer.join()
    if writer.ended is None:
        sys.exit('df-db failed')
    return in_force - writer.ended


def main():
    program, path, lport, times = sys.argv[1:]
    switch = Switch(path)
    delays = [change(program, switch, lport, number) * 1e6
              for number in range(int(times))]
    print(f'median {statistics.median(delays):.0f} us')
    print(f'worst {max(delays):.0f} us')


if __name__ == '__main__':
    main()
