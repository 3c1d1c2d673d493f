# SPDX-License-Identifier: Apache-2.0
"""What is run: clouds, and the scenarios on each."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Cloud:
    """The options of df-simulate of the same names."""

    nodes: int
    tenants: int
    ports: int
    spread: int = 10
    chassis: int = None     # as nodes
    group: int = 0
    here: int = 0
    node_dies: int = 0

    def arguments(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value:
                yield f'--{field.name.replace("_", "-")}'
                yield str(value)


@dataclasses.dataclass(frozen=True)
class Plan:
    name: str
    cloud: Cloud
    scenarios: tuple
    selective: bool = True
    rounds: int = 50
    seconds: int = 10


def _whole(args):
    """The cloud asked for, on all nodes."""
    cloud = Cloud(args.nodes, args.tenants, args.ports,
                  node_dies=args.node_dies)
    scenarios = ('start', 'bind', 'few', 'many', 'idle', 'bind-new')
    return Plan('whole', cloud, scenarios + (('die',) if args.node_dies
                                             else ()))


def _one_node(ports):
    """A node to which all ports of the cloud are relevant."""
    return Plan(f'one-{ports}', Cloud(1, 1, ports, spread=100, chassis=100),
                ('start', 'bind'))


def _group():
    return Plan('group', Cloud(10, 10, 1000, spread=10, chassis=100,
                               group=10000), ('start', 'join', 'check'))


def _tenants(tenants, selective):
    """Ten nodes with the same ten tenants, and all others elsewhere."""
    return Plan(f'tenants-{tenants}' + ('' if selective else '-all'),
                Cloud(10, tenants, tenants * 100, chassis=200, here=10),
                ('start', 'foreign', 'check'), selective=selective)


def _chassis(chassis):
    """Ten tenants here, in a cloud of so many nodes."""
    return Plan(f'chassis-{chassis}', Cloud(5, 10, 1000, spread=5, here=10,
                                            chassis=chassis),
                ('start', 'many'))


def _idle(nodes):
    return Plan(f'idle-{nodes}', Cloud(nodes, 10, 1000, chassis=200),
                ('start', 'idle'))


def full(args):
    return [_whole(args), _one_node(10000), _one_node(20000), _group()] + [
        _tenants(tenants, selective) for tenants in (20, 100, 200)
        for selective in (True, False)] + [
            _chassis(chassis) for chassis in (100, 5000)] + [
            _idle(nodes) for nodes in (10, 50, 100)]


def chosen(args):
    plans = quick(args) if args.quick else full(args)
    names = [plan.name for plan in plans]
    unknown = sorted(set(args.plan or ()) - set(names))
    if unknown:
        raise ValueError(f'no such plan: {", ".join(unknown)}; the plans are '
                         f'{", ".join(names)}')
    return [plan for plan in plans if not args.plan or plan.name in args.plan]


def quick(args):
    """All scenarios on a small cloud, without a claim to figures."""
    cloud = Cloud(12, 24, 720, spread=3, chassis=20, group=300, node_dies=2)
    selective = Plan('quick', cloud,
                     ('start', 'bind', 'few', 'many', 'join', 'foreign',
                      'bind-new', 'check', 'idle', 'die'), rounds=10,
                     seconds=2)
    return [selective,
            Plan('quick-all', dataclasses.replace(cloud, node_dies=0),
                 ('start', 'bind', 'many', 'foreign', 'check'),
                 selective=False, rounds=10)]
