#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The traffic of the benchmark, and the virtual network it runs through.

Guests on network net1 send UDP frames of 64 bytes on the wire (60 without the
checksum that a NIC adds), either to guests on the same network ("l2") or by
the router to guests on net2 ("routed"). All the senders are behind one port
of the switch, replay0, and all the receivers behind another, sink0.

A frame says in its payload which flow it belongs to, and everything else in
it follows from that number: so a captured frame can be compared, field by
field, with what the switch should have made of it. Frames come in random
order, the same for the same seed.
"""

import argparse
import collections
import dataclasses
import ipaddress
import json
import random
import struct
import sys

ADDRESSES = 1000          # of senders, and of receivers
FIRST_SOURCE_PORT = 1024
DESTINATION_PORT = 9000
PAYLOAD_MARK = 0x64666265  # "dfbe"

PREFIX_LENGTH = 16
NETWORKS = {'net1': '10.1.0.0', 'net2': '10.2.0.0'}
ROUTER_MACS = {'net1': 'fa:16:3e:ff:00:01', 'net2': 'fa:16:3e:ff:00:02'}
SENDERS_FIRST_IP = '10.1.1.0'
RECEIVERS_FIRST_IP = {'l2': '10.1.128.0', 'routed': '10.2.128.0'}
RECEIVERS_NETWORK = {'l2': 'net1', 'routed': 'net2'}
OTHERS_FIRST_IP = '10.2.8.0'     # of ports on net2 that no frame goes to
CHURN_FIRST_IP = '10.2.64.0'     # of such that come and go

PCAP_HEADER = struct.Struct('=IHHIIII')
PCAP_RECORD = struct.Struct('=IIII')
PCAP_MAGIC = 0xa1b2c3d4
PCAP_ETHERNET = 1

FRAME = struct.Struct('>6s6sH BBHHHBBHII HHHH II10s')
Frame = collections.namedtuple('Frame', (
    'destination_mac', 'source_mac', 'ether_type',
    'version_and_length', 'tos', 'total_length', 'identification', 'fragment',
    'ttl', 'protocol', 'header_checksum', 'source_ip', 'destination_ip',
    'source_port', 'destination_port', 'udp_length', 'udp_checksum',
    'mark', 'flow', 'padding'))

IP_LENGTH = FRAME.size - 14
UDP_LENGTH = IP_LENGTH - 20
PADDING = bytes(10)


class BadCapture(Exception):
    """A captured frame is not what the switch should have sent."""


@dataclasses.dataclass(frozen=True)
class Traffic:
    """`flows` UDP flows between `pairs` pairs of addresses."""

    kind: str
    flows: int
    pairs: int
    seed: int = 1

    def __post_init__(self):
        if self.kind not in RECEIVERS_NETWORK:
            raise ValueError(f'no such traffic: {self.kind}')
        if not 1 <= self.pairs <= min(self.flows, ADDRESSES ** 2):
            raise ValueError(f'{self.flows} flows cannot be between '
                             f'{self.pairs} pairs of {ADDRESSES} addresses')
        if FIRST_SOURCE_PORT + self.flows // self.pairs > 0xffff:
            raise ValueError(f'too many flows for {self.pairs} pairs')

    @property
    def name(self):
        return f'{self.kind}-{self.flows}-{self.pairs}-{self.seed}'

    @property
    def addresses(self):
        """How many senders there are, and how many receivers."""
        return min(self.pairs, ADDRESSES)

    def ends_of(self, flow):
        """Which sender and which receiver: every pair is another one."""
        pair = flow % self.pairs
        sender = pair % ADDRESSES
        return sender, (sender + pair // ADDRESSES) % ADDRESSES

    def source_port_of(self, flow):
        return FIRST_SOURCE_PORT + flow // self.pairs


def mac_bytes(text):
    return bytes.fromhex(text.replace(':', ''))


def sender_mac(number):
    return f'fa:16:3e:01:{number >> 8:02x}:{number & 0xff:02x}'


def receiver_mac(number):
    return f'fa:16:3e:02:{number >> 8:02x}:{number & 0xff:02x}'


def receiver_ips(traffic):
    first = ipaddress.IPv4Address(RECEIVERS_FIRST_IP[traffic.kind])
    return [str(first + number) for number in range(traffic.addresses)]


def words_sum(value):
    """The sum of a 32-bit number's two 16-bit words."""
    return (value >> 16) + (value & 0xffff)


def checksum(total):
    """The Internet checksum of words whose sum is `total`."""
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


class Builder:
    """Makes the frames of a traffic: as they are sent, as they must arrive.

    A million frames are made at a time, so all that can be is done before.
    """

    def __init__(self, traffic):
        self.traffic = traffic
        numbers = range(ADDRESSES)
        first = int(ipaddress.IPv4Address(SENDERS_FIRST_IP))
        self.senders = [(mac_bytes(sender_mac(n)), first + n,
                         words_sum(first + n)) for n in numbers]
        first = int(ipaddress.IPv4Address(RECEIVERS_FIRST_IP[traffic.kind]))
        macs = [receiver_mac(n) if traffic.kind == 'l2'
                else ROUTER_MACS['net1'] for n in numbers]
        self.receivers = [(mac_bytes(macs[n]), first + n,
                           words_sum(first + n)) for n in numbers]

    def sent(self, flow, ttl=64):
        """The frame of a flow, as a tuple of FRAME's fields."""
        sender, receiver = self.traffic.ends_of(flow)
        source_mac, source_ip, source_sum = self.senders[sender]
        destination_mac, destination_ip, sum_ = self.receivers[receiver]
        source_port = self.traffic.source_port_of(flow)
        addresses = source_sum + sum_
        header = checksum(
            addresses + 0x4500 + IP_LENGTH + (ttl << 8) + 17)
        udp = checksum(
            addresses + 17 + 2 * UDP_LENGTH + source_port + DESTINATION_PORT +
            words_sum(PAYLOAD_MARK) + words_sum(flow)) or 0xffff
        return (destination_mac, source_mac, 0x0800,
                0x45, 0, IP_LENGTH, 0, 0, ttl, 17, header,
                source_ip, destination_ip,
                source_port, DESTINATION_PORT, UDP_LENGTH, udp,
                PAYLOAD_MARK, flow, PADDING)

    def expected(self, flow):
        """What the switch must make of the frame of a flow."""
        if self.traffic.kind == 'l2':
            return Frame(*self.sent(flow))
        return Frame(*self.sent(flow, ttl=63))._replace(
            destination_mac=mac_bytes(receiver_mac(0)),
            source_mac=mac_bytes(ROUTER_MACS['net2']))


def write_pcap(traffic, path):
    sent = Builder(traffic).sent
    pack = FRAME.pack
    record = PCAP_RECORD.pack(0, 0, FRAME.size, FRAME.size)
    order = list(range(traffic.flows))
    random.Random(traffic.seed).shuffle(order)
    with open(path, 'wb') as pcap:
        pcap.write(PCAP_HEADER.pack(PCAP_MAGIC, 2, 4, 0, 0, 0xffff,
                                    PCAP_ETHERNET))
        pcap.writelines(record + pack(*sent(flow)) for flow in order)


def read_pcap(path):
    with open(path, 'rb') as pcap:
        pcap.seek(PCAP_HEADER.size)
        while header := pcap.read(PCAP_RECORD.size):
            yield pcap.read(PCAP_RECORD.unpack(header)[2])


def frame_difference(got, expected):
    """In words, or None."""
    for field, value, wanted in zip(Frame._fields, got, expected):
        if value != wanted:
            shown = [v.hex(':') if isinstance(v, bytes) else f'{v:#x}'
                     for v in (value, wanted)]
            return f'{field} is {shown[0]}, should be {shown[1]}'
    return None


def check_capture(traffic, path):
    """Compare captured frames with what should have come of the traffic.

    Frames that are not IPv4 are a switch's own and no business of ours.
    Returns how many frames were compared.
    """
    builder = Builder(traffic)
    count = 0
    for data in read_pcap(path):
        if data[12:14] != b'\x08\x00':
            continue
        if len(data) != FRAME.size:
            raise BadCapture(f'a frame of {len(data)} bytes: {data.hex()}')
        frame = Frame(*FRAME.unpack(data))
        if frame.mark != PAYLOAD_MARK or frame.flow >= traffic.flows:
            raise BadCapture(f'not a frame of ours: {data.hex()}')
        difference = frame_difference(frame, builder.expected(frame.flow))
        if difference:
            raise BadCapture(f'flow {frame.flow}: {difference}')
        count += 1
    if count == 0:
        raise BadCapture('no frame of ours was sent')
    return count


def lport(name, lswitch, macs, ips, host):
    return {
        'id': name, 'name': name, 'topic': 'bench', 'enabled': True,
        'lswitch': lswitch, 'macs': macs, 'ips': ips,
        'subnets': [f'{lswitch}-subnet'] * len(ips),
        'port_security_enabled': False,
        'binding': {'type': 'chassis', 'chassis': host,
                    'vif_type': 'ethdev', 'vif_name': name},
    }


def other_lports(count):
    """Ports of other nodes on net2: not under traffic, but relevant."""
    first = ipaddress.IPv4Address(OTHERS_FIRST_IP)
    return [dict(lport(f'other-{number}', 'net2',
                       [f'fa:16:3e:03:{number >> 8:02x}:{number & 0xff:02x}'],
                       [str(first + number)], 'elsewhere'),
                 binding={'type': 'chassis', 'chassis': 'elsewhere'})
            for number in range(count)]


def model(traffic, host='bench', others=0):
    """The northbound model, as `df-db load` takes it."""
    receivers = traffic.addresses if traffic.kind == 'l2' else 1
    gateways = {net: str(ipaddress.IPv4Address(first) + 1)
                for net, first in NETWORKS.items()}
    return {
        'lswitch': [
            {'id': net, 'name': net, 'topic': 'bench',
             'network_type': 'local', 'mtu': 1500} for net in NETWORKS],
        'lsubnet': [
            {'id': f'{net}-subnet', 'name': f'{net}-subnet', 'topic': 'bench',
             'lswitch': net, 'cidr': f'{first}/{PREFIX_LENGTH}',
             'gateway_ip': gateways[net], 'enable_dhcp': False}
            for net, first in NETWORKS.items()],
        'lrouter': [
            {'id': 'router', 'name': 'router', 'topic': 'bench', 'ports': [
                {'id': f'router-{net}', 'topic': 'bench', 'lswitch': net,
                 'unique_key': key,
                 'mac': ROUTER_MACS[net],
                 'network': f'{gateways[net]}/{PREFIX_LENGTH}'}
                for key, net in enumerate(NETWORKS, 1001)]}],
        'lport': [
            lport('replay0', 'net1', [sender_mac(0)], [SENDERS_FIRST_IP],
                  host),
            lport('sink0', RECEIVERS_NETWORK[traffic.kind],
                  [receiver_mac(number) for number in range(receivers)],
                  receiver_ips(traffic), host)] + other_lports(others),
    }


def write_model(traffic, path, host='bench', others=0):
    with open(path, 'w', encoding='ascii') as file:
        json.dump(model(traffic, host, others), file, indent=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('kind', choices=sorted(RECEIVERS_NETWORK))
    parser.add_argument('--flows', type=int, default=1000)
    parser.add_argument('--pairs', type=int,
                        help='of addresses; as many as flows if not said')
    parser.add_argument('--seed', type=int, default=1,
                        help='another order of the frames')
    parser.add_argument('--host', default='bench',
                        help='chassis that the ports are bound to')
    parser.add_argument('--pcap', help='write the frames to this file')
    parser.add_argument('--model', help='write the network to this file, '
                        'for df-db load')
    parser.add_argument('--check', metavar='PCAP',
                        help='compare what a switch sent')
    args = parser.parse_args()
    try:
        traffic = Traffic(args.kind, args.flows, args.pairs or args.flows,
                          args.seed)
        if args.pcap:
            write_pcap(traffic, args.pcap)
        if args.model:
            write_model(traffic, args.model, args.host)
        if args.check:
            print(check_capture(traffic, args.check), 'frames, all right')
    except (BadCapture, OSError, ValueError) as error:
        sys.exit(f'traffic.py: {error}')


if __name__ == '__main__':
    main()
