# SPDX-License-Identifier: Apache-2.0
"""Frames for the setting: what each port of the switch receives.

Local ports send to remote ones, by way of the router and of VXLAN; replies
come in by VXLAN as the other node's router made them. What the switch must
send follows from what it receives, so captured frames are compared with it
field by field.

Millions of frames are made as columns of numbers, by numpy.
"""

import dataclasses

import numpy as np

import setting

FIRST_PORT = 1024
SERVICE_PORT = 9000
MARK = 0x64666265  # "dfbe"
SHORT = 60         # bytes, without the checksum that a NIC adds
UPLINK = setting.LOCALS    # the port after the local ones
BLOCK = 32         # frames of a port that come in one poll
CHECKED = 65536    # frames of each port among which a captured one is sought

SYN, ACK, PSH, FIN = 0x02, 0x10, 0x08, 0x01
WINDOW = 65535

_ETHERNET = [('dmac', 'u1', 6), ('smac', 'u1', 6), ('type', '>u2')]
_IP = [('version', 'u1'), ('tos', 'u1'), ('length', '>u2'), ('id', '>u2'),
       ('fragment', '>u2'), ('ttl', 'u1'), ('protocol', 'u1'),
       ('checksum', '>u2'), ('src', '>u4'), ('dst', '>u4')]
UDP = np.dtype(_ETHERNET + _IP + [
    ('sport', '>u2'), ('dport', '>u2'), ('udp_length', '>u2'),
    ('udp_checksum', '>u2'), ('mark', '>u4'), ('flow', '>u4'),
    ('padding', 'u1', 10)])
TCP = np.dtype(_ETHERNET + _IP + [
    ('sport', '>u2'), ('dport', '>u2'), ('seq', '>u4'), ('ack', '>u4'),
    ('offset', 'u1'), ('flags', 'u1'), ('window', '>u2'),
    ('tcp_checksum', '>u2'), ('urgent', '>u2'), ('padding', 'u1', 6)])
OUTER = np.dtype([(f'outer_{name}', *rest) for name, *rest in
                  _ETHERNET + _IP] + [
    ('outer_sport', '>u2'), ('outer_dport', '>u2'),
    ('outer_udp_length', '>u2'), ('outer_udp_checksum', '>u2'),
    ('vxlan_flags', '>u4'), ('vni', '>u4')])
INNER_BYTES = UDP.itemsize
assert INNER_BYTES == TCP.itemsize == SHORT
FLOW_KEY = slice(26, INNER_BYTES)      # from the addresses on
PCAP_HEADER = np.array([0xa1b2c3d4, 2 | 4 << 16, 0, 0, 0xffff, 1], '=u4')


class BadCapture(Exception):
    """A captured frame is not what the switch should have sent."""


def _macs(texts):
    return np.array([list(bytes.fromhex(text.replace(':', '')))
                     for text in texts], 'u1')


class Addresses:
    """The columns of the setting, by number of port or network."""

    def __init__(self):
        locals_, remotes = range(setting.LOCALS), range(setting.REMOTES)
        here, there = setting.local_networks(), setting.remote_networks()
        self.local_mac = _macs(map(setting.local_mac, locals_))
        self.local_ip = np.array([setting.local_ip(p) for p in locals_])
        self.local_network = np.array(
            [setting.local_network(p) for p in locals_])
        self.local_router_mac = _macs(n.router_mac for n in here)
        self.local_vni = np.array([n.vni for n in here])
        self.remote_mac = _macs(map(setting.remote_mac, remotes))
        self.remote_ip = np.array([setting.remote_ip(p) for p in remotes])
        self.remote_network = np.array(
            [setting.remote_network(p) for p in remotes])
        self.remote_router_mac = _macs(n.router_mac for n in there)
        self.remote_vni = np.array([n.vni for n in there])
        self.node = np.array([setting.node_of(p) for p in remotes])
        nodes = range(setting.NODES)
        self.node_mac = _macs(map(setting.node_mac, nodes))
        self.node_ip = np.array([setting.node_ip(n) for n in nodes])
        self.underlay_mac = _macs([setting.UNDERLAY_MAC])[0]
        self.underlay_ip = int.from_bytes(
            bytes(map(int, setting.UNDERLAY_IP.split('.'))), 'big')


@dataclasses.dataclass(frozen=True)
class Ends:
    """Who a flow is between: arrays, an element for each flow."""

    local: np.ndarray
    remote: np.ndarray
    sport: np.ndarray


def ends_of(flow, pairs):
    """Distinct 5-tuples for distinct flows, between `pairs` pairs of ports.

    Up to 10,000 pairs have another remote port each; more have another
    local one for each round through them.
    """
    pair = flow % pairs
    return Ends(local=(pair + pair // setting.REMOTES) % setting.LOCALS,
                remote=pair % setting.REMOTES,
                sport=FIRST_PORT + flow // pairs)


def _words(column):
    column = column.astype('u8')
    return (column >> 16) + (column & 0xffff)


def _checksum(total):
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def _ip_checksum(frames, prefix=''):
    """The header checksum, of frames that have 0 there or another."""
    field = lambda name: frames[prefix + name].astype('u8')  # noqa: E731
    return _checksum(
        (field('version') << 8) + field('tos') + field('length') +
        field('id') + field('fragment') + (field('ttl') << 8) +
        field('protocol') + _words(field('src')) + _words(field('dst')))


def _fill_ip(frames, protocol, length, ttl, prefix=''):
    frames[prefix + 'type'] = 0x0800
    frames[prefix + 'version'] = 0x45
    frames[prefix + 'length'] = length
    frames[prefix + 'ttl'] = ttl
    frames[prefix + 'protocol'] = protocol
    frames[prefix + 'checksum'] = _ip_checksum(frames, prefix)


def _addressed(dtype, where, ends, reply):
    """Frames with their addresses.

    They are as the guest sends them; replies as its peer's node routed them.
    """
    frames = np.zeros(len(ends.local), dtype)
    network = where.local_network[ends.local]
    mac, router = where.local_mac[ends.local], where.local_router_mac[network]
    here, there = where.local_ip[ends.local], where.remote_ip[ends.remote]
    frames['smac'], frames['dmac'] = (router, mac) if reply else (mac, router)
    frames['src'], frames['dst'] = (there, here) if reply else (here, there)
    ports = ends.sport, np.full_like(ends.sport, SERVICE_PORT)
    frames['sport'], frames['dport'] = ports[::-1] if reply else ports
    return frames


def udp_frames(where, ends, flow, wire, reply):
    """`wire` is the length of each, or of all, in bytes."""
    frames = _addressed(UDP, where, ends, reply)
    length = np.broadcast_to(np.asarray(wire), flow.shape) - 14
    _fill_ip(frames, 17, length, 63 if reply else 64)
    frames['udp_length'] = length - 20
    frames['mark'], frames['flow'] = MARK, flow
    pseudo = (_words(frames['src']) + _words(frames['dst']) + 17 +
              2 * frames['udp_length'].astype('u8'))
    sums = _checksum(pseudo + frames['sport'] + frames['dport'] +
                     _words(frames['mark']) + _words(frames['flow']))
    # What lies behind the head of a long frame is not ours: no checksum.
    frames['udp_checksum'] = np.where(
        length == SHORT - 14, np.where(sums == 0, 0xffff, sums), 0)
    return frames


def tcp_frames(where, ends, stage, first_seq, reply):
    """Frames of one stage of each connection.

    A stage is (flags, seq, ack), both counted from the first ones.
    """
    flags, seq, ack = stage
    frames = _addressed(TCP, where, ends, reply)
    _fill_ip(frames, 6, 40, 63 if reply else 64)
    mine, its = ((first_seq + 0x5000, first_seq) if reply
                 else (first_seq, first_seq + 0x5000))
    frames['seq'] = (mine + seq) & 0xffffffff
    frames['ack'] = (its + ack) & 0xffffffff if flags & ACK else 0
    frames['offset'], frames['flags'] = 0x50, flags
    frames['window'] = WINDOW
    frames['tcp_checksum'] = _checksum(
        _words(frames['src']) + _words(frames['dst']) + 6 + 20 +
        frames['sport'].astype('u8') + frames['dport'] +
        _words(frames['seq']) + _words(frames['ack']) +
        0x5000 + flags + WINDOW)
    return frames


# One connection from SYN to FIN, without data: (reply?, (flags, seq, ack)).
# Each side sends four, as local ports and uplink must have equally many.
TCP_LIFE = (
    (False, (SYN, 0, 0)), (True, (SYN | ACK, 0, 1)),
    (False, (ACK, 1, 1)), (True, (ACK, 1, 1)),
    (False, (FIN | ACK, 1, 1)), (True, (ACK, 1, 2)), (True, (FIN | ACK, 1, 2)),
    (False, (ACK, 2, 2)))


def _outer(where, count, inner_wire):
    outer = np.zeros(count, OUTER)
    outer['outer_dport'] = setting.VXLAN_PORT
    outer['outer_udp_length'] = inner_wire + 16
    outer['vxlan_flags'] = 0x08000000
    return outer


def _wire_lengths(frames):
    return np.maximum(frames['length'].astype('i8') + 14, SHORT)


def joined(outer, inner):
    """Outer headers and frames in one array."""
    both = np.zeros(len(inner), OUTER.descr + inner.dtype.descr)
    for part in (outer, inner):
        for name in part.dtype.names:
            both[name] = part[name]
    return both


def encapsulated(where, ends, frames):
    """Replies as they come in by the uplink."""
    node = where.node[ends.remote]
    wire = _wire_lengths(frames)
    outer = _outer(where, len(frames), wire)
    outer['outer_dmac'] = where.underlay_mac
    outer['outer_smac'] = where.node_mac[node]
    outer['outer_src'] = where.node_ip[node]
    outer['outer_dst'] = where.underlay_ip
    outer['outer_sport'] = 49152 + frames['sport'] % 16384
    _fill_ip(outer, 17, wire + 36, 64, 'outer_')
    outer['vni'] = where.local_vni[where.local_network[ends.local]] << 8
    return joined(outer, frames)


def routed(where, remote, frames):
    """What local ports send, as it must leave by the uplink."""
    node, network = where.node[remote], where.remote_network[remote]
    inner = frames.copy()
    inner['smac'] = where.remote_router_mac[network]
    inner['dmac'] = where.remote_mac[remote]
    inner['ttl'] -= 1
    inner['checksum'] = _ip_checksum(inner)
    wire = _wire_lengths(frames)
    outer = _outer(where, len(frames), wire)
    outer['outer_dmac'] = where.node_mac[node]
    outer['outer_smac'] = where.underlay_mac
    outer['outer_src'] = where.underlay_ip
    outer['outer_dst'] = where.node_ip[node]
    outer['outer_fragment'] = 0x4000
    _fill_ip(outer, 17, wire + 36, 64, 'outer_')
    outer['vni'] = where.remote_vni[network] << 8
    return joined(outer, inner)


def as_bytes(frames):
    return frames.view('u1').reshape(len(frames), -1)


def write_pcap(path, frames, wire):
    """All records have the same length: what the port copies of a frame."""
    record = np.zeros(len(frames), [
        ('second', '=u4'), ('fraction', '=u4'), ('captured', '=u4'),
        ('wire', '=u4'), ('frame', 'u1', frames.shape[1])])
    record['captured'] = frames.shape[1]
    record['wire'] = wire
    record['frame'] = frames
    with open(path, 'wb') as pcap:
        PCAP_HEADER.tofile(pcap)
        record.tofile(pcap)


def read_pcap(path, most=None):
    """Yields each frame's bytes."""
    count = 0
    with open(path, 'rb') as pcap:
        pcap.seek(PCAP_HEADER.nbytes)
        while count != most and len(header := pcap.read(16)) == 16:
            yield pcap.read(int.from_bytes(header[8:12], 'little'))
            count += 1


# ---- Orders: which frames a port receives, and when.

IMIX = (60,) * 7 + (590,) * 4 + (1514,)     # 64, 594, 1518 with checksum
LONG = 1514
MOBILE_WIRES = (60, 200, 1440)
MOBILE_SHARES = (0.25, 0.15, 0.6)
TCP_LAG = 1             # groups of connections between two stages of one
GROUP = BLOCK * setting.LOCALS


@dataclasses.dataclass(frozen=True)
class Workload:
    """What the ports receive.

    `kind` is one of KINDS; frames come `repeat` times in a row; `sizes` is
    '64', 'imix' or '1500'.
    """

    kind: str
    flows: int
    pairs: int
    repeat: int = 1
    sizes: str = '64'
    seed: int = 1

    @property
    def name(self):
        """Of the folder of its files; the port itself repeats frames."""
        return f'{self.kind}-{self.flows}-{self.pairs}-{self.sizes}'

    @property
    def two_way(self):
        """Does the uplink receive as many frames as the local ports?"""
        return self.kind not in ('stateless', 'new-udp')

    @property
    def stateful(self):
        return self.kind != 'stateless'

    def write(self, folder):
        """A file for each port that receives anything."""
        KINDS[self.kind](self, Addresses(), folder)

    def path(self, folder, port):
        name = 'uplink' if port == UPLINK else f'local{port}'
        return folder / f'{name}.pcap'

    def wires(self, flow, random):
        if self.sizes == 'imix':
            return np.array(IMIX)[flow % len(IMIX)]
        if self.sizes == '1500':
            return np.full_like(flow, LONG)
        if self.sizes == 'mobile':
            return random.choice(MOBILE_WIRES, len(flow), p=MOBILE_SHARES)
        return np.full_like(flow, SHORT)


def _write_udp(work, where, folder, port, flow, random):
    """A port's frames, in the order of `flow`."""
    reply = port == UPLINK
    ends, wire = ends_of(flow, work.pairs), work.wires(flow, random)
    frames = udp_frames(where, ends, flow, wire, reply)
    if reply:
        frames = encapsulated(where, ends, frames)
        wire = wire + OUTER.itemsize
    write_pcap(work.path(folder, port), as_bytes(frames), wire)


def write_random(work, where, folder):
    """Each flow once, in random order."""
    random = np.random.default_rng(work.seed)
    flow = random.permutation(work.flows)
    local = ends_of(flow, work.pairs).local
    for port in range(setting.LOCALS):
        _write_udp(work, where, folder, port, flow[local == port], random)
    if work.two_way:
        _write_udp(work, where, folder, UPLINK,
                   random.permutation(work.flows), random)


def _life_blocks(groups):
    """Which stage of which group a side sends in each block: two arrays.

    A side sends four stages in turn. Stages that follow each other in the
    life of a connection are TCP_LAG groups apart at least, so that ports
    which are polled in any order keep the order of the life.
    """
    sides = ([], [])
    for place, (reply, _) in enumerate(TCP_LIFE):
        sides[reply].append(place)
    for places in sides:
        group = np.arange(groups)[:, None] - TCP_LAG * np.array(places)
        yield (np.broadcast_to(places, (groups, 4)).ravel(),
               (group % groups).ravel())


def _tcp_side(work, where, reply, stages, groups, members, random):
    """Frames of one side: for each block, those of the group's members.

    `members` has the flows of each group that this port sends for.
    """
    shape = (len(stages), members.shape[1])
    frames = np.zeros(shape + (OUTER.itemsize * reply + SHORT,), 'u1')
    for place, (is_reply, stage) in enumerate(TCP_LIFE):
        if is_reply != reply:
            continue
        rows = stages == place
        flow = random.permuted(members[groups[rows]], axis=1).ravel()
        ends = ends_of(flow, work.pairs)
        made = tcp_frames(where, ends, stage, flow * 0x10001 & 0xffffffff,
                          reply)
        if reply:
            made = encapsulated(where, ends, made)
        frames[rows] = as_bytes(made).reshape((-1,) + frames.shape[1:])
    return frames


def _tcp_blocks(work, where, flows, random):
    """Yields (port, blocks of frames) of connections from SYN to FIN."""
    groups = flows // GROUP
    flow = random.permutation(groups * BLOCK).reshape(groups, BLOCK, 1)
    flow = flow * setting.LOCALS + np.arange(setting.LOCALS)
    sides = list(_life_blocks(groups))
    for port in range(setting.LOCALS):
        yield port, _tcp_side(work, where, False, *sides[0],
                              flow[:, :, port], random)
    yield UPLINK, _tcp_side(work, where, True, *sides[1],
                            flow.reshape(groups, GROUP), random)


def write_tcp(work, where, folder):
    """Connections from SYN to FIN, over and over."""
    random = np.random.default_rng(work.seed)
    for port, blocks in _tcp_blocks(work, where, work.flows, random):
        frames = blocks.reshape(-1, blocks.shape[2])
        write_pcap(work.path(folder, port), frames, frames.shape[1])


OPENED = 390 * GROUP    # connections in a pass of the mobile core's frames
DATA_SHARE = 3, 2       # frames of long connections to those of short ones


def write_mobile(work, where, folder):
    """`flows` long connections, beside OPENED that open and close."""
    random = np.random.default_rng(work.seed)
    long_flow = np.arange(work.flows)
    owner = ends_of(long_flow, work.pairs).local
    for port, blocks in _tcp_blocks(work, where, OPENED, random):
        mine = long_flow if port == UPLINK else long_flow[owner == port]
        count = blocks.shape[1] * DATA_SHARE[0] // DATA_SHARE[1]
        needed = len(blocks) * count
        flow = np.concatenate([
            random.permutation(mine),
            random.choice(mine, max(needed - len(mine), 0))])[:needed]
        ends, wire = ends_of(flow, work.pairs), work.wires(flow, random)
        data = udp_frames(where, ends, flow, wire, port == UPLINK)
        if port == UPLINK:
            data = encapsulated(where, ends, data)
            wire = wire + OUTER.itemsize
        size = blocks.shape[2]
        frames = np.concatenate(
            [blocks, as_bytes(data).reshape(len(blocks), count, size)],
            axis=1)
        wires = np.concatenate(
            [np.full(blocks.shape[:2], size),
             wire.reshape(len(blocks), count)], axis=1)
        order = random.permutation(frames.shape[1])
        write_pcap(work.path(folder, port),
                   frames[:, order].reshape(-1, size), wires[:, order].ravel())


KINDS = {'stateless': write_random, 'stateful': write_random,
         'new-udp': write_random, 'new-tcp': write_tcp,
         'mobile': write_mobile}


# ---- What a switch sent, field by field.

def _typed(heads):
    """Frames by their protocol, as arrays of its headers."""
    for protocol, dtype in ((17, UDP), (6, TCP)):
        chosen = heads[heads[:, 23] == protocol]
        if len(chosen):
            yield np.ascontiguousarray(chosen).view(dtype).ravel()


def _remote_of(ip):
    host = (ip & 0xff) - 10
    return host * setting.REMOTE_NETWORKS + (
        (ip.astype('i8') - setting.remote_ip(0)) >> 8)


def _expected_of(heads, where, by_uplink):
    """What must be sent of each frame, by FLOW_KEY of the frame."""
    for frames in _typed(heads):
        remote = _remote_of(frames['dst'])
        sent = frames if by_uplink else routed(where, remote, frames)
        for key, wanted in zip(as_bytes(frames)[:, FLOW_KEY], sent):
            yield key.tobytes(), wanted


class Checker:
    """Knows what a switch must send at the beginning of a workload."""

    # Implementations choose the source port, and a datagram that is not
    # fragmented has no identification that means anything (RFC 6864).
    FREE = {'outer_sport', 'outer_id', 'outer_checksum'}

    def __init__(self, work, folder):
        where = Addresses()
        self.wanted = {True: {}, False: {}}     # by: is it sent by VXLAN?
        for port in range(UPLINK + 1):
            if port == UPLINK and not work.two_way:
                continue
            by_uplink = port == UPLINK
            start = OUTER.itemsize if by_uplink else 0
            heads = np.array([
                list(frame[start:start + SHORT]) for frame in read_pcap(
                    work.path(folder, port), CHECKED)], 'u1')
            self.wanted[not by_uplink].update(
                _expected_of(heads, where, by_uplink))

    def check(self, capture, vxlan):
        """Returns how many frames were compared, of a port's capture."""
        count = 0
        for data in read_pcap(capture):
            if self._is_ours(data, vxlan):
                self._check_frame(data, vxlan)
                count += 1
        return count

    @staticmethod
    def _is_ours(data, vxlan):
        """Not what a switch or its host says for itself: ARP, ND, IGMP."""
        return data[12:14] == b'\x08\0' and not (vxlan and data[23] != 17)

    def _check_frame(self, data, vxlan):
        start = OUTER.itemsize if vxlan else 0
        if len(data) < start + SHORT:
            raise BadCapture(f'a frame of {len(data)} bytes: {data.hex()}')
        key = data[start:][FLOW_KEY]
        wanted = self.wanted[vxlan].get(key)
        if wanted is None:
            raise BadCapture(f'not a frame of ours: {data.hex()}')
        got = np.frombuffer(data, wanted.dtype, 1)
        if vxlan and got['outer_checksum'] != _ip_checksum(got, 'outer_'):
            raise BadCapture(f'wrong outer checksum: {data.hex()}')
        for name in wanted.dtype.names:
            if name not in self.FREE and np.any(got[name][0] != wanted[name]):
                raise BadCapture(f'{name} is {got[name][0]}, should be '
                                 f'{wanted[name]}: {data.hex()}')
