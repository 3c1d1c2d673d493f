# SPDX-License-Identifier: Apache-2.0
"""All cases, with what they are to cost."""

from cases import CloudCase
from cases import GrowingCase
from cases import NewCase
from cases import PortCase
from cases import SessionCase
from cases import TrafficCase
import control
from figures import Aims
import loads
import workload

PAIRS = 10000
TRAFFIC_CASES = (
    TrafficCase('routed', 1000, 1000, 'routed', Aims(times=2.2),
                with_ovs=True),
    TrafficCase('routed', 100000, 100000, 'routed', Aims(times=3.0)),
    TrafficCase('routed', 1000000, 1000000, 'routed', Aims(times=3.5)),
    TrafficCase('routed-pairs', 1000000, 1000, 'routed', Aims(times=2.2),
                quick=False),
    TrafficCase('l2', 1000, 1000, 'l2', Aims(times=1.8, faster=1.5),
                with_ovs=True),
    # Every packet walks the tables, as the first one of a flow does.
    TrafficCase('walk', 1000, 1000, 'routed', Aims(ns=400),
                settings={'flow_cache_entries': 0}),
)
CLOUD_CASES = (
    CloudCase('stateless', 1000, 1000, 'stateless', Aims(faster=3),
              quick=False),
    CloudCase('stateless', 10000, PAIRS, 'stateless', Aims(faster=6),
              quick=False),
    CloudCase('stateless', 100000, PAIRS, 'stateless', Aims(faster=6)),
    CloudCase('stateless', 1000000, PAIRS, 'stateless', quick=False),
    GrowingCase('stateless-pairs', 100000, 100000, 'stateless',
                Aims(faster=6)),
    CloudCase('stateful', 10000, PAIRS, 'stateful', Aims(20, 3)),
    CloudCase('stateful', 100000, PAIRS, 'stateful', Aims(20)),
    CloudCase('stateful', 1000000, PAIRS, 'stateful', Aims(20, 4)),
    CloudCase('stateful-bursts', 10000, PAIRS, 'stateful', Aims(8), repeat=16,
              quick=False),
    CloudCase('stateful-bursts', 100000, PAIRS, 'stateful', Aims(8),
              repeat=16),
    CloudCase('stateful-bursts', 1000000, PAIRS, 'stateful', Aims(8),
              repeat=16, quick=False),
    NewCase('new-connections', 1000000, PAIRS, 'new-udp',
            Aims(faster=4, ns=400)),
    SessionCase('tcp-sessions', 512 * workload.GROUP, PAIRS, 'new-tcp',
                Aims(faster=4)),
    loads.MobileCase('mobile-core', 1000000, PAIRS, 'mobile', sizes='mobile',
                     quick=False),
    CloudCase('imix', 10000, PAIRS, 'stateful', sizes='imix', quick=False),
    CloudCase('1500', 10000, PAIRS, 'stateful', sizes='1500', quick=False),
    loads.CloudChurn('churn-stateful', 10000, PAIRS, 'stateful',
                     quick=False),
    loads.TwoWorkers('two-workers', 10000, PAIRS, 'stateful', quick=False),
)
CALIBRATION = PortCase('port', 1000, 1000, 'routed')
CASES = TRAFFIC_CASES + CLOUD_CASES + control.CASES
