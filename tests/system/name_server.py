#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A name server: name_server.py ADDRESS silent|knows NAME.

One that is silent never answers. One that knows says that NAME is 127.0.0.1,
has no IPv6 address, and that there is no other name.
"""

import socket
import struct
import sys

TYPE_A = 1
NXDOMAIN = 3
RESPONSE = 0x8180    # it is one, and recursion was wanted and is had


def question_of(query):
    """The name, its type, and where the question ends (RFC 1035, 4.1.2)."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    kind = struct.unpack_from('!H', query, at + 1)[0]
    return '.'.join(labels), kind, at + 5


def answer(query, known):
    name, kind, end = question_of(query)
    is_known = name.lower() == known
    records = b''
    if is_known and kind == TYPE_A:
        records = struct.pack('!HHHIH4B', 0xc00c, TYPE_A, 1, 60, 4,
                              127, 0, 0, 1)
    flags = RESPONSE if is_known else RESPONSE | NXDOMAIN
    return (query[:2] + struct.pack('!HHHHH', flags, 1, bool(records), 0, 0)
            + query[12:end] + records)


def main():
    address, kind, known = sys.argv[1:]
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))
    while True:
        query, client = server.recvfrom(512)
        if kind == 'knows':
            server.sendto(answer(query, known), client)


if __name__ == '__main__':
    main()
