# SPDX-License-Identifier: Apache-2.0
"""OVS-DPDK as a peer: the same network as OpenFlow tables.

The tables are numbered as Dragonflow numbers them. A bridge for guests,
br-int, has the local ports; where nodes are beyond a tunnel it has a VXLAN
port as well, and br-phy has the uplink and the underlay's address.

All that runs belongs to the benchmark: a database in its folder, and a
network namespace that ends with ovs-vswitchd.
"""

import dataclasses
import ipaddress
import os
import pathlib
import re
import subprocess
import time

import programs
import setting
import traffic

VXLAN_PORT_NUMBER = 100
UPLINK_PORT_NUMBER = 1
ROUTER_METADATA = 0xffff
SOCKET_MEM_MIB = 1024
FLOW_LIMIT = 200000        # as it is without configuration
IDLE_MS = 3600 * 1000      # longer than a case takes, asleep or awake
SECONDS = 3600


@dataclasses.dataclass(frozen=True)
class Variant:
    """One configuration, of those among which the best is looked for.

    `proofs` are questions, and what their answers must match under traffic.
    """

    name: str
    config: tuple = ()
    commands: tuple = ()
    proofs: tuple = ()


EMC_ON, EMC_OFF = 'emc-insert-inv-prob=100', 'emc-insert-inv-prob=0'
SMC_ON, SMC_OFF = 'smc-enable=true', 'smc-enable=false'
VARIANTS = (
    Variant('ovs-dpdk', (EMC_ON, SMC_OFF)),
    Variant('ovs-dpdk-emc-off', (EMC_OFF, SMC_OFF)),
    Variant('ovs-dpdk-smc', (EMC_OFF, SMC_ON)),
    Variant('ovs-dpdk-emc-smc', (EMC_ON, SMC_ON)),
)
QUICK_VARIANTS = VARIANTS[:2]
# What a build of one's own may have beside. It stays until it is taken back.
SCALAR = (
    ('dpif-netdev/subtable-lookup-prio-set', 'generic', '4'),
    ('dpif-netdev/dpif-impl-set', 'dpif_scalar'),
    ('dpif-netdev/miniflow-parser-set', 'scalar'),
    ('odp-execute/action-impl-set', 'scalar'),
)
AVX512 = (
    ('dpif-netdev/subtable-lookup-prio-set', 'generic', '1'),
    ('dpif-netdev/subtable-lookup-prio-set', 'avx512_gather', '3'),
    ('dpif-netdev/dpif-impl-set', 'dpif_avx512'),
    ('dpif-netdev/miniflow-parser-set', 'study'),
    ('odp-execute/action-impl-set', 'avx512'),
)
AVX512_PROOFS = (
    ('dpif-netdev/subtable-lookup-info-get',
     r'avx512_gather \(Use count: [1-9]'),
    ('dpif-netdev/dpif-impl-get', r'dpif_avx512 \(pmds: \d'),
    ('dpif-netdev/miniflow-parser-get', r'(avx512\w*|study) .*pmds: \d'),
    ('odp-execute/action-impl-show', r'avx512 .*active: Yes'),
)


def own_variants(variants):
    """Of a build of one's own: each without and with AVX512."""
    for variant in variants:
        name = variant.name.replace('ovs-dpdk', 'ovs-dpdk-own')
        yield dataclasses.replace(variant, name=name, commands=SCALAR)
        yield dataclasses.replace(variant, name=f'{name}-avx512',
                                  commands=AVX512, proofs=AVX512_PROOFS)


class Flows:
    """The lines of a file for ovs-ofctl."""

    def __init__(self):
        self.lines = []

    def add(self, table, match, actions, priority=100):
        match = f',{match}' if match else ''
        self.lines.append(
            f'table={table},priority={priority}{match} actions={actions}')

    def write(self, path):
        path.write_text('\n'.join(self.lines) + '\n', encoding='ascii')


def setting_flows(stateful):
    """The node of setting.py."""
    flows = Flows()
    here, there = setting.local_networks(), setting.remote_networks()
    _add_classification(flows, here)
    _add_egress_policy(flows, stateful)
    _add_services(flows)
    _add_l2(flows, here)
    _add_l3(flows, here, there)
    _add_ways(flows, there)
    _add_ingress_policy(flows, stateful)
    return flows


def _local_key(port):
    return port + 1


def _remote_key(port):
    return 1000 + port


def _add_classification(flows, here):
    for port in range(setting.LOCALS):
        key, mac = _local_key(port), setting.local_mac(port)
        ip = setting.text_ip(setting.local_ip(port))
        network = here[setting.local_network(port)]
        flows.add(0, f'in_port={key}',
                  f'set_field:{key}->reg6,'
                  f'set_field:{network.key}->metadata,goto_table:5')
        flows.add(5, f'reg6={key},dl_src={mac},ip,nw_src={ip}',
                  'goto_table:10')
        flows.add(5, f'reg6={key},dl_src={mac},arp,arp_spa={ip}',
                  'goto_table:20')
    for network in here:
        flows.add(0, f'in_port={VXLAN_PORT_NUMBER},tun_id={network.vni}',
                  f'set_field:{network.key}->metadata,goto_table:100')


def _add_egress_policy(flows, stateful):
    if not stateful:
        flows.add(10, 'ip', 'goto_table:15')
        for port in range(setting.LOCALS):
            flows.add(15, f'reg6={_local_key(port)},ip', 'goto_table:20')
        return
    flows.add(10, 'ip', 'ct(table=15,zone=NXM_NX_REG6[0..15])')
    flows.add(15, 'ct_state=+trk+est-inv,ip', 'goto_table:20', 200)
    flows.add(15, 'ct_state=+trk+rel-inv,ip', 'goto_table:20', 200)
    flows.add(15, 'ct_state=+trk+inv,ip', 'drop', 300)
    for port in range(setting.LOCALS):
        flows.add(15, f'ct_state=+trk+new,reg6={_local_key(port)},ip',
                  'ct(commit,zone=NXM_NX_REG6[0..15]),goto_table:20')


def _add_services(flows):
    flows.add(20, 'udp,tp_dst=67', 'controller', 200)
    flows.add(20, 'ip,nw_dst=169.254.169.254', 'drop', 200)
    flows.add(20, 'arp', 'controller', 150)
    flows.add(20, '', 'goto_table:55', 1)


def _add_l2(flows, here):
    for network in here:
        flows.add(55, f'metadata={network.key},dl_dst={network.router_mac}',
                  f'set_field:{ROUTER_METADATA}->reg5,goto_table:60')
    for port in range(setting.LOCALS):
        key = _local_key(port)
        network = here[setting.local_network(port)]
        match = f'metadata={network.key},dl_dst={setting.local_mac(port)}'
        flows.add(55, match, f'set_field:{key}->reg7,goto_table:75')
        flows.add(100, match, f'set_field:{key}->reg7,goto_table:105')


def _add_l3(flows, here, there):
    for network in here + there:
        flows.add(60, f'reg5={ROUTER_METADATA},ip,nw_dst={network.cidr}',
                  f'dec_ttl,set_field:{network.router_mac}->eth_src,'
                  f'set_field:{network.key}->metadata,goto_table:65')
    for port in range(setting.LOCALS):
        _add_neighbour(flows, here[setting.local_network(port)],
                       setting.local_ip(port), setting.local_mac(port),
                       _local_key(port))
    for port in range(setting.REMOTES):
        _add_neighbour(flows, there[setting.remote_network(port)],
                       setting.remote_ip(port), setting.remote_mac(port),
                       _remote_key(port))


def _add_neighbour(flows, network, ip, mac, key):
    flows.add(65, f'metadata={network.key},ip,nw_dst={setting.text_ip(ip)}',
              f'set_field:{mac}->eth_dst,set_field:{key}->reg7,'
              'goto_table:75')


def _add_ways(flows, there):
    for port in range(setting.LOCALS):
        key = _local_key(port)
        flows.add(75, f'reg7={key}', 'goto_table:105')
        flows.add(115, f'reg7={key}', f'output:{key}')
    for port in range(setting.REMOTES):
        vni = there[setting.remote_network(port)].vni
        ip = setting.text_ip(setting.node_ip(setting.node_of(port)))
        flows.add(75, f'reg7={_remote_key(port)}',
                  f'set_field:{vni}->tun_id,set_field:{ip}->tun_dst,'
                  f'output:{VXLAN_PORT_NUMBER}')


_INGRESS_ALLOW = 'ct(commit,zone=NXM_NX_REG7[0..15]),goto_table:115'


def _add_ingress_policy(flows, stateful):
    if not stateful:
        flows.add(105, 'ip', 'goto_table:110')
        for port in range(setting.LOCALS):
            flows.add(110, f'reg7={_local_key(port)},ip', 'goto_table:115')
        return
    flows.add(105, 'ip', 'ct(table=110,zone=NXM_NX_REG7[0..15])')
    flows.add(110, 'ct_state=+trk+est-inv,ip', 'goto_table:115', 200)
    flows.add(110, 'ct_state=+trk+rel-inv,ip', 'goto_table:115', 200)
    flows.add(110, 'ct_state=+trk+inv,ip', 'drop', 300)
    # One group for all ports, so its rules need not name them.
    flows.add(110, 'ct_state=+trk+new,tcp,tp_dst=22', _INGRESS_ALLOW)
    flows.add(110, 'ct_state=+trk+new,icmp', _INGRESS_ALLOW)
    for ip in [setting.local_ip(p) for p in range(setting.LOCALS)] + [
            setting.remote_ip(p) for p in range(setting.REMOTES)]:
        _add_member(flows, ip)


def _add_member(flows, ip):
    flows.add(110, f'ct_state=+trk+new,ip,nw_src={setting.text_ip(ip)}',
              _INGRESS_ALLOW, 90)


def traffic_flows(flows_of):
    """The two ports of traffic.py: replay0 is 1, sink0 is 2."""
    flows = Flows()
    keys = {'net1': 1, 'net2': 2}
    flows.add(0, 'in_port=1', 'set_field:1->reg6,set_field:1->metadata,'
              'goto_table:55')
    network = traffic.RECEIVERS_NETWORK[flows_of.kind]
    router_mac = traffic.ROUTER_MACS['net1']
    if flows_of.kind == 'l2':
        for number in range(flows_of.addresses):
            flows.add(55, f'metadata={keys[network]},'
                      f'dl_dst={traffic.receiver_mac(number)}',
                      'set_field:2->reg7,goto_table:115')
    else:
        flows.add(55, f'metadata=1,dl_dst={router_mac}', 'goto_table:60')
        flows.add(60, 'ip,nw_dst=10.2.0.0/16',
                  f'dec_ttl,set_field:{traffic.ROUTER_MACS[network]}'
                  f'->eth_src,set_field:{keys[network]}->metadata,'
                  'goto_table:65')
        for ip in traffic.receiver_ips(flows_of):
            flows.add(65, f'metadata={keys[network]},ip,nw_dst={ip}',
                      f'set_field:{traffic.receiver_mac(0)}->eth_dst,'
                      'set_field:2->reg7,goto_table:115')
    flows.add(115, 'reg7=2', 'output:2')
    return flows


def churn_changes():
    """What nb_writer's churn is to OVS: each change as ovs-ofctl's lines.

    Members join the group of all ports, change and leave; before each of
    these changes the last local port has a rule more, or no more.
    """
    ports = [[_member_lines(number, shape) for shape in range(2)]
             for number in range(setting.CHURN_MEMBERS)]
    members = (
        [_said('add', first) for first, _ in ports] +
        [_said('delete_strict', first) + _said('add', second)
         for first, second in ports] +
        [_said('delete_strict', second) for _, second in ports])
    rule = Flows()
    rule.add(110, f'ct_state=+trk+new,reg7={_local_key(setting.LOCALS - 1)},'
             'tcp,tp_dst=8080', _INGRESS_ALLOW)
    changes = []
    for number, member in enumerate(members):
        how = 'delete_strict' if number % 2 else 'add'
        changes += [_said(how, rule.lines), member]
    return changes


def _member_lines(number, shape):
    """Its place on its network, and that the group's members have it."""
    network, place = setting.remote_networks()[0], 2 * number + shape
    ip = int(ipaddress.IPv4Address(setting.CHURN_FIRST_IP)) + place
    flows = Flows()
    _add_neighbour(flows, network, ip, setting.churn_mac(place),
                   _remote_key(setting.REMOTES + number))
    _add_member(flows, ip)
    return flows.lines


def _said(how, lines):
    """A deletion is said without actions."""
    return [f'{how} {line if how == "add" else line.split(" actions=")[0]}'
            for line in lines]


class Installation:
    """Debian's programs, or those below a prefix."""

    def __init__(self, prefix=None):
        self.prefix = prefix
        root = pathlib.Path(prefix or '/usr')
        self.bin, self.sbin = root / 'bin', root / 'sbin'
        self.vswitchd = (
            root / 'sbin' / 'ovs-vswitchd' if prefix else
            pathlib.Path('/usr/lib/openvswitch-switch-dpdk/'
                         'ovs-vswitchd-dpdk'))
        self.schema = (root / 'share' / 'openvswitch' / 'vswitch.ovsschema')

    def check(self):
        for path in (self.vswitchd, self.schema):
            if not path.exists():
                raise programs.ProgramError(f'OVS: there is no {path}')


class OpenVSwitch(programs.Program):
    """ovs-vswitchd with one PMD thread on the worker's core."""

    name = 'ovs-dpdk'

    def __init__(self, installation, build, folder, core, devices, flows,
                 uplink=None, passes=((),)):
        """`uplink` is the device that tunnels are on."""
        super().__init__(folder, core, devices, passes)
        self.installation = installation
        self.build = build
        self.flows = flows
        self.uplink = uplink
        self.database = None
        self.limit = FLOW_LIMIT
        self.preset_limit = True
        self.megaflows = None
        self.variant = VARIANTS[0]

    # ---- Its tools.

    def environment(self):
        folder = str(self.folder)
        return dict(os.environ, OVS_RUNDIR=folder, OVS_DBDIR=folder,
                    OVS_LOGDIR=folder)

    def run(self, *command):
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True,
            env=self.environment(), check=False, timeout=120)
        if done.returncode != 0:
            raise programs.ProgramError(
                f'{" ".join(map(str, command[:4]))} failed: '
                f'{(done.stderr or done.stdout).strip()[:1000]}')
        return done.stdout

    def vsctl(self, *words):
        return self.run(self.installation.bin / 'ovs-vsctl', '--no-wait',
                        f'--db=unix:{self.folder}/db.sock', *words)

    def appctl(self, *words):
        return self.run(self.installation.bin / 'ovs-appctl', '-t',
                        self.folder / 'vswitchd.ctl', *words)

    # ---- Its life.

    def prepare(self):
        self.installation.check()
        self.flows.write(self.folder / 'flows')
        self.run(self.installation.bin / 'ovsdb-tool', 'create',
                 self.folder / 'conf.db', self.installation.schema)

    def command(self):
        return ['unshare', '--net', '--', self.installation.vswitchd,
                f'unix:{self.folder}/db.sock', '-vconsole:warn',
                '-vsyslog:off', '-vfile:off',
                f'--unixctl={self.folder}/vswitchd.ctl']

    def _launch(self):
        with open(self.folder / 'db.log', 'wb') as log:
            self.database = subprocess.Popen(
                [self.installation.sbin / 'ovsdb-server',
                 self.folder / 'conf.db',
                 f'--remote=punix:{self.folder}/db.sock', '-vsyslog:off',
                 f'--unixctl={self.folder}/db.ctl'],
                stdout=log, stderr=subprocess.STDOUT,
                env=self.environment(), start_new_session=True)
        self._wait_for(self.folder / 'db.sock', self.database)
        self._configure()
        super()._launch()
        self._wait_for(self.folder / 'vswitchd.ctl', self.process)
        self._wait(self._has_bridges, programs.START_SECONDS,
                   'does not make its bridges')
        if self.uplink:
            self._set_up_underlay()
        self.run(self.installation.bin / 'ovs-ofctl', '--bundle', '-O',
                 'OpenFlow14', 'replace-flows', self._socket('br-int'),
                 self.folder / 'flows')
        # It begins low and would take minutes to find what it can.
        if self.preset_limit:
            self.appctl('upcall/set-flow-limit', FLOW_LIMIT)

    def _wait_for(self, path, process):
        deadline = time.monotonic() + programs.START_SECONDS
        while not path.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise programs.ProgramError(f'{self.name}: no {path.name}')
            time.sleep(0.02)

    def bridge_socket(self, bridge):
        """Where it takes OpenFlow."""
        return self.folder / f'{bridge}.mgmt'

    def _socket(self, bridge):
        return f'unix:{self.bridge_socket(bridge)}'

    def _has_bridges(self):
        return all(self.bridge_socket(bridge).exists()
                   for bridge in self._bridges())

    def _bridges(self):
        return ('br-int', 'br-phy') if self.uplink else ('br-int',)

    def _configure(self):
        self.vsctl('init')
        config = [
            'dpdk-init=true', 'dpdk-lcore-mask=0x1',
            f'dpdk-socket-mem={SOCKET_MEM_MIB}',
            f'pmd-cpu-mask={1 << self.core:#x}', f'max-idle={IDLE_MS}',
            f'dpdk-extra="--no-pci -d {self.build.plugin}"']
        self.vsctl('set', 'Open_vSwitch', '.',
                   *(f'other_config:{word}' for word in config))
        for bridge in self._bridges():
            self.vsctl('add-br', bridge, '--', 'set', 'bridge', bridge,
                       'datapath_type=netdev', 'fail-mode=secure')
        for number, (device, arguments) in enumerate(
                zip(self.devices, self.device_arguments())):
            self._add_port(number, device, arguments)
        if self.uplink:
            self.vsctl('set', 'bridge', 'br-phy',
                       f'other-config:hwaddr="{setting.UNDERLAY_MAC}"')
            self.vsctl('add-port', 'br-int', 'vxlan0', '--', 'set',
                       'interface', 'vxlan0', 'type=vxlan',
                       'options:remote_ip=flow', 'options:key=flow',
                       f'ofport_request={VXLAN_PORT_NUMBER}')
            self._keep_connections()

    def _add_port(self, number, device, arguments):
        bridge, request = 'br-int', number + 1
        if device.name == self.uplink:
            bridge, request = 'br-phy', UPLINK_PORT_NUMBER
        # Room for a frame of 1,514 bytes and the outer headers.
        self.vsctl('add-port', bridge, device.name, '--', 'set', 'interface',
                   device.name, 'type=dpdk', f'ofport_request={request}',
                   'mtu_request=2000',
                   f'options:n_rxq_desc={programs.DESCRIPTORS}',
                   f'options:dpdk-devargs="net_replay{number},{arguments}"')

    def _keep_connections(self):
        """Connections stay, however long the program sleeps."""
        self.vsctl('--id=@m', 'create', 'Datapath', 'datapath_version=0',
                   '--', 'set', 'Open_vSwitch', '.', 'datapaths:netdev=@m')
        states = ('udp_first', 'udp_single', 'udp_multiple')
        for port in range(setting.LOCALS):
            self.vsctl('add-zone-tp', 'netdev', f'zone={_local_key(port)}',
                       *(f'{state}={SECONDS}' for state in states))

    def _set_up_underlay(self):
        inside = ('nsenter', '--net', '-t', self.process.pid)
        self.run(*inside, 'ip', 'address', 'add',
                 f'{setting.UNDERLAY_IP}/{setting.UNDERLAY_PREFIX}', 'dev',
                 'br-phy')
        self.run(*inside, 'ip', 'link', 'set', 'br-phy', 'up')
        for match, action in ((f'in_port={UPLINK_PORT_NUMBER}', 'LOCAL'),
                              ('in_port=LOCAL', UPLINK_PORT_NUMBER)):
            self.run(self.installation.bin / 'ovs-ofctl', 'add-flow',
                     self._socket('br-phy'), f'{match},actions={action}')
        for ip, mac in setting.neighbours():
            self.appctl('tnl/arp/set', 'br-phy', ip, mac)
        self.appctl('tnl/neigh/aging', SECONDS)
        network = ipaddress.ip_interface(
            f'{setting.UNDERLAY_IP}/{setting.UNDERLAY_PREFIX}').network
        self._wait(lambda: str(network) in self.appctl('ovs/route/show'),
                   programs.START_SECONDS, 'has no route to the underlay')

    def stop(self):
        super().stop()
        if self.database is not None:
            self.database.terminate()
            self.database.wait()
            self.database = None

    # ---- Measuring it.

    def configure(self, variant):
        """While it is awake or has not been put to sleep yet."""
        self.variant = variant
        self.vsctl('set', 'Open_vSwitch', '.',
                   *(f'other_config:{word}' for word in variant.config))
        for command in variant.commands:
            self.appctl(*command)
        time.sleep(0.3)     # it is told by its database
        for question, wanted in variant.proofs:
            answer = self.appctl(question)
            if not re.search(wanted, answer):
                raise programs.ProgramError(f'it is not in use: {answer}')

    def forget_connections(self):
        self.appctl('dpctl/flush-conntrack')

    def sleep(self):
        found = re.search(r'current (\d+).*limit (\d+)',
                          self.appctl('upcall/show'))
        self.megaflows, self.limit = map(int, found.groups())
        super().sleep()

    def settled(self):
        """Undo what being stopped did to its limit of flows.

        It takes the time for that of a slow revalidator, and cuts the limit.
        """
        self.appctl('upcall/set-flow-limit', self.limit)
