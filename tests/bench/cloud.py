# SPDX-License-Identifier: Apache-2.0
"""The programs of the setting: df-switchd, OVS-DPDK and testpmd as its node.

Each has 16 local ports and an uplink. Where replies come in by the uplink, a
local port receives a burst for 16 of the uplink, so that both sides receive
equally.
"""

import time

import devices as devs
import openvswitch
import programs
import setting
import workload

QUEUES = 2            # lines of a port: one for each of two workers
CAPTURED_LOCAL = 250  # frames sent to each local port
CAPTURED_UPLINK = 1000
UPLINK_LINE = workload.UPLINK * QUEUES
CONNECTIONS = 2097152
FLOWS = 4194304       # room for both directions of a million connections
FORGET_SECONDS = 30


def devices_of(work, files):
    """The ports, which receive what lies in `files`."""
    every = setting.LOCALS if work.two_way else 1
    locals_ = [devs.Device(
        f'local{port}', work.path(files, port), line=port * QUEUES,
        every=every, phase=port % every, repeat=work.repeat,
        copy=workload.SHORT, captured=CAPTURED_LOCAL)
        for port in range(setting.LOCALS)]
    uplink = devs.Device(
        'uplink',
        work.path(files, workload.UPLINK) if work.two_way else None,
        line=UPLINK_LINE, repeat=work.repeat,
        copy=workload.OUTER.itemsize + workload.SHORT,
        mac=setting.UNDERLAY_MAC, captured=CAPTURED_UPLINK)
    return locals_ + [uplink]


def passes_of(work):
    """What makes the connections, before all frames are forwarded."""
    if work.kind == 'stateful':
        # Each one's original direction, both, and both of what is known.
        return ((UPLINK_LINE,), (), ())
    if work.kind in ('new-tcp', 'mobile'):
        return ((), (), ())     # at first some begin in the middle
    return ((),)


def check_captures(work, files, program):
    """Compares what was sent with what should have been; says how many."""
    checker = workload.Checker(work, files)
    compared = 0
    for name, capture in program.captures().items():
        count = checker.check(capture, vxlan=name == 'uplink')
        if count == 0 and (work.two_way or name == 'uplink'):
            raise workload.BadCapture(f'{program.name} sent nothing by '
                                      f'{name}')
        compared += count
    return compared


class Switch(programs.Switchd):
    """df-switchd on the node."""

    HOST = setting.HOST
    APPS = 'l2,l3,portsec,dhcp,secgroup,tunneling'

    def __init__(self, build, folder, core, work, files, workers=None):
        more = {} if workers is None else {'workers': workers,
                                           'control_lcore': 0}
        model = folder / f'model-{work.stateful}.json'
        setting.write_model(model, work.stateful)
        super().__init__(
            build, folder, core, devices_of(work, files), model,
            passes_of(work),
            df={'local_ip': setting.UNDERLAY_IP, 'underlay_port': 'uplink',
                'underlay_mtu': 2000,
                'underlay_neighbours': ',\n '.join(
                    f'{ip}={mac}' for ip, mac in setting.neighbours())},
            # They stay, however long the program sleeps.
            sections={'connections': {'udp_timeout': 3600,
                                      'udp_timeout_stream': 3600}},
            connections_max=CONNECTIONS, connections_per_port=CONNECTIONS,
            flow_cache_entries=FLOWS, **more)

    def forget_connections(self):
        """While it is awake: none is left in any table."""
        self.build.run([self.build.built('df-ctl'), '--socket',
                        self.folder / 'df.sock', 'conn', 'delete', '--all'])
        self._wait(lambda: self.ask('connections')['live'] == 0,
                   FORGET_SECONDS, 'does not forget its connections')
        time.sleep(0.5)


def ovs_of(session, folder, work, files):
    return openvswitch.OpenVSwitch(
        session.ovs, session.build, folder, session.core,
        devices_of(work, files), openvswitch.setting_flows(work.stateful),
        'uplink', passes_of(work))


def testpmd_of(session, folder, work, files, mode='5tswap'):
    return programs.Testpmd(mode, session.build, folder, session.core,
                            devices_of(work, files))
