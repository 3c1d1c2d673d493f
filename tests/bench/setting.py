# SPDX-License-Identifier: Apache-2.0
"""A node of a cloud: who is there, and the model of it.

16 ports are on this node, on 4 networks; 10,000 are on 20 other nodes, ten
on each of 1,000 networks. One router joins all networks, so it has 1,004
routes. Between nodes there is VXLAN, by one uplink.

Everything follows from small numbers: local port 0 to 15, remote port 0 to
9999, node 0 to 19.
"""

import ipaddress
import json

LOCALS = 16
LOCAL_NETWORKS = 4
REMOTES = 10000
REMOTE_NETWORKS = 1000
NODES = 20

HOST = 'bench'
UNDERLAY_IP = '172.31.0.1'
UNDERLAY_PREFIX = 16
UNDERLAY_MAC = '02:00:ac:1f:00:01'
VXLAN_PORT = 4789
FIRST_LOCAL_VNI = 5000
FIRST_REMOTE_VNI = 10000
# Of ports on remote-0 that come and go; nb_writer knows how many, too.
CHURN_FIRST_IP = '10.64.0.100'
CHURN_MEMBERS = 20

# As `default` of Neutron: everything out, members of the group in, and what
# people add to it.
GROUP = 'bench'
STATELESS_GROUP = 'bench-stateless'
OTHER_GROUP = 'bench-other'      # the last local port has it too


def local_network(port):
    return port % LOCAL_NETWORKS


def local_mac(port):
    return f'fa:16:3e:01:00:{port:02x}'


def local_ip(port):
    return int(ipaddress.IPv4Address('10.1.0.10')) + (
        local_network(port) << 8) + port // LOCAL_NETWORKS


def remote_network(port):
    return port % REMOTE_NETWORKS


def remote_mac(port):
    return f'fa:16:3e:03:{port >> 8:02x}:{port & 0xff:02x}'


def remote_ip(port):
    return (int(ipaddress.IPv4Address('10.64.0.10')) +
            (remote_network(port) << 8) + port // REMOTE_NETWORKS)


def churn_mac(place):
    return f'fa:16:3e:04:{place >> 8:02x}:{place & 0xff:02x}'


def node_of(port):
    """Where a remote port is."""
    return (port + port // REMOTE_NETWORKS) % NODES


def node_ip(node):
    return int(ipaddress.IPv4Address('172.31.0.10')) + node


def node_mac(node):
    return f'02:00:ac:1f:01:{node:02x}'


def text_ip(number):
    return str(ipaddress.IPv4Address(number))


class Network:
    """A network, local or remote, with the router's place on it."""

    def __init__(self, number, local):
        self.id = f'{"local" if local else "remote"}-{number}'
        self.key = 1 + number + (0 if local else LOCAL_NETWORKS)
        self.vni = number + (FIRST_LOCAL_VNI if local else FIRST_REMOTE_VNI)
        base = '10.1.0.0' if local else '10.64.0.0'
        self.base = int(ipaddress.IPv4Address(base)) + (number << 8)
        self.cidr = f'{text_ip(self.base)}/24'
        self.gateway = text_ip(self.base + 1)
        self.router_mac = (f'fa:16:3e:f{0 if local else 1}:'
                           f'{number >> 8:02x}:{number & 0xff:02x}')
        self.router_key = 100000 + self.key


def local_networks():
    return [Network(number, True) for number in range(LOCAL_NETWORKS)]


def remote_networks():
    return [Network(number, False) for number in range(REMOTE_NETWORKS)]


def _lswitch(network):
    return {'id': network.id, 'name': network.id, 'topic': 'bench',
            'unique_key': network.key, 'network_type': 'vxlan',
            'segmentation_id': network.vni, 'mtu': 1500}


def _lsubnet(network):
    return {'id': f'{network.id}-subnet', 'name': f'{network.id}-subnet',
            'topic': 'bench', 'lswitch': network.id, 'cidr': network.cidr,
            'gateway_ip': network.gateway, 'enable_dhcp': False}


def _router_port(network):
    return {'id': f'router-{network.id}', 'topic': 'bench',
            'lswitch': network.id, 'unique_key': network.router_key,
            'mac': network.router_mac, 'network': f'{network.gateway}/24'}


def _lport(name, network, mac, ip, binding, groups):
    return {'id': name, 'name': name, 'topic': 'bench', 'enabled': True,
            'lswitch': network.id, 'macs': [mac], 'ips': [text_ip(ip)],
            'subnets': [f'{network.id}-subnet'],
            'port_security_enabled': True, 'security_groups': groups,
            'binding': binding}


def _local_lport(port, networks, groups):
    name = f'local{port}'
    if port == LOCALS - 1:
        groups = groups + [OTHER_GROUP]
    return _lport(name, networks[local_network(port)], local_mac(port),
                  local_ip(port),
                  {'type': 'chassis', 'chassis': HOST, 'vif_type': 'ethdev',
                   'vif_name': name}, groups)


def _remote_lport(port, networks, groups):
    return _lport(f'remote-{port}', networks[remote_network(port)],
                  remote_mac(port), remote_ip(port),
                  {'type': 'chassis', 'chassis': f'node-{node_of(port)}'},
                  groups)


def _rule(group, number, direction, **fields):
    return {'id': f'{group}-rule-{number}', 'direction': direction,
            'ethertype': 'IPv4', **fields}


def _secgroup(group, stateful):
    ingress = [{'remote_group_id': group},
               {'protocol': 'tcp', 'port_range_min': 22,
                'port_range_max': 22},
               {'protocol': 'icmp'}]
    if not stateful:
        ingress.append({})
    return {'id': group, 'name': group, 'topic': 'bench',
            'stateful': stateful,
            'rules': [_rule(group, 0, 'egress')] + [
                _rule(group, number, 'ingress', **fields)
                for number, fields in enumerate(ingress, 1)]}


def model(stateful):
    """The northbound model, as `df-db load` takes it."""
    here, there = local_networks(), remote_networks()
    groups = [GROUP if stateful else STATELESS_GROUP]
    return {
        'chassis': [{'id': HOST, 'ip': UNDERLAY_IP,
                     'tunnel_types': ['vxlan']}] + [
            {'id': f'node-{node}', 'ip': text_ip(node_ip(node)),
             'tunnel_types': ['vxlan']} for node in range(NODES)],
        'lswitch': [_lswitch(network) for network in here + there],
        'lsubnet': [_lsubnet(network) for network in here + there],
        'lrouter': [{'id': 'router', 'name': 'router', 'topic': 'bench',
                     'ports': [_router_port(network)
                               for network in here + there]}],
        'secgroup': [_secgroup(GROUP, True),
                     _secgroup(STATELESS_GROUP, False),
                     _secgroup(OTHER_GROUP, stateful)],
        'lport': [_local_lport(port, here, groups)
                  for port in range(LOCALS)] + [
            _remote_lport(port, there, groups) for port in range(REMOTES)],
    }


def write_model(path, stateful):
    with open(path, 'w', encoding='ascii') as file:
        json.dump(model(stateful), file)


def neighbours():
    """The other nodes' underlay addresses: (ip, mac) for each."""
    return [(text_ip(node_ip(node)), node_mac(node))
            for node in range(NODES)]
