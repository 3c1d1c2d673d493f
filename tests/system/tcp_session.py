#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One TCP session that goes on and on.

  tcp_session.py serve PORT           echoes the lines of one client
  tcp_session.py talk ADDRESS PORT FILE
      sends a number, waits until it comes back, writes it to FILE, goes on with the next one. It never
      connects again: when the session breaks it ends with an error.
"""

import os
import socket
import sys
import time


def serve(port):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    client, _ = listener.accept()
    for line in client.makefile("rb"):
        client.sendall(line)


def note(path, number):
    with open(path + ".new", "w", encoding="ascii") as out:
        out.write(f"{number}\n")
    os.rename(path + ".new", path)


def talk(address, port, path):
    session = socket.create_connection((address, port), timeout=10)
    session.settimeout(None)
    answers = session.makefile("rb")
    number = 0
    while True:
        session.sendall(b"%d\n" % number)
        if answers.readline() != b"%d\n" % number:
            sys.exit("the session broke")
        note(path, number)
        number += 1
        time.sleep(0.02)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]))
    else:
        talk(sys.argv[2], int(sys.argv[3]), sys.argv[4])
