/** `node` and what of `cluster` is about joining, against a daemon that answers what the test says. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GantryError } from '../../../proto/errors.ts';
import type {
  ClusterJoinTokenRequest,
  NodeRemoveRequest,
  NodeUpdateRequest,
  TaskListRequest,
} from '../../../proto/generated/gantry/v1/control.ts';
import type { ClusterJoinRequest } from '../../../proto/generated/gantry/v1/node.ts';
import { Node, NodeAvailability, NodeRole, NodeState, Task } from '../../../proto/generated/gantry/v1/types.ts';
import { unaryMethod } from '../../../proto/server.ts';
import { FakeDaemon, runCli } from '../../fake-daemon.testing.ts';

let daemon: FakeDaemon;
beforeEach(() => {
  daemon = new FakeDaemon();
});
afterEach(() => daemon.stop());

const node = (id: string, hostname: string, role: NodeRole, state: NodeState = NodeState.READY): Node =>
  Node.fromPartial({
    id,
    meta: { version: 7, createdAtMs: 0 },
    spec: { annotations: { labels: { zone: 'a' } }, role, availability: NodeAvailability.ACTIVE },
    description: {
      ...{ hostname, platform: { os: 'linux', architecture: 'amd64' }, engineVersion: '0.1.0' },
      genericResources: [
        { kind: 'gpu', names: ['A', 'B'] },
        { kind: 'ssd', count: 2 },
      ],
    },
    status: { state, address: '192.0.2.1' },
  });

const NODES = [
  node('id-a', 'alpha', NodeRole.MANAGER),
  node('id-b', 'beta', NodeRole.MANAGER, NodeState.DOWN),
  node('id-c', 'gamma', NodeRole.WORKER),
  node('id-d', 'delta', NodeRole.MANAGER),
];
const member = (nodeId: string, leader: boolean, reachable: boolean) => ({
  ...{ nodeId, leader, reachable },
  address: `${nodeId}:2377`,
  voter: true,
});
const MANAGERS = [member('id-a', true, true), member('id-b', false, false), member('id-d', false, true)];

const updates: NodeUpdateRequest[] = [];
const lists: TaskListRequest[] = [];
const TASK = Task.fromPartial({ id: 'task-1', serviceName: 'web', slot: 1, nodeId: 'id-d', spec: {}, status: {} });
const status = unaryMethod(async () => ({ nodeId: 'id-d', manager: true, connected: true, error: '', managers: [] }));
const methods: UntypedServiceImplementation = {
  clusterStatus: status,
  nodeList: unaryMethod(async () => ({ nodes: NODES, leaderNodeId: 'id-a', managers: MANAGERS })),
  nodeInspect: unaryMethod(async ({ reference }: { reference: string }) => {
    const found = NODES.find(({ id, description }) => id === reference || description?.hostname === reference);
    if (found === undefined) throw new GantryError('NOT_FOUND', `no such node: ${reference}`);
    return { node: found, manager: MANAGERS.find(({ nodeId }) => nodeId === found.id) };
  }),
  taskList: unaryMethod(async (request: TaskListRequest) => {
    lists.push(request);
    return { tasks: [TASK] };
  }),
  nodeUpdate: unaryMethod(async (request: NodeUpdateRequest) => {
    updates.push(request);
    return {};
  }),
};

async function gantry(...argv: string[]) {
  await daemon.start(methods);
  updates.length = 0;
  lists.length = 0;
  return await runCli(daemon.host, argv);
}

describe('node ls', () => {
  it('shows who leads, who can be reached, and which node this is', async () => {
    const { stdout } = await gantry('node', 'ls', '--format', '{{.ID}} {{.Self}} {{.Status}} [{{.ManagerStatus}}]');
    expect(stdout.split('\n').slice(0, 4)).toEqual([
      'id-a false Ready [Leader]',
      'id-b false Down [Unreachable]',
      'id-d true Ready [Reachable]',
      'id-c false Ready []',
    ]);
  });
});

describe('node inspect', () => {
  it('has Docker’s fields', async () => {
    const { stdout } = await gantry('node', 'inspect', 'alpha', 'gamma');
    expect(JSON.parse(stdout)).toMatchObject([
      {
        ID: 'id-a',
        Version: { Index: 7 },
        Spec: { Labels: { zone: 'a' }, Role: 'manager', Availability: 'active' },
        Description: { Hostname: 'alpha', Platform: { Architecture: 'amd64', OS: 'linux' } },
        Status: { State: 'ready', Addr: '192.0.2.1' },
        ManagerStatus: { Leader: true, Reachability: 'reachable', Addr: 'id-a:2377' },
      },
      { ID: 'id-c', Spec: { Role: 'worker' } },
    ]);
    expect(JSON.parse(stdout)[1]).not.toHaveProperty('ManagerStatus');
    expect(JSON.parse(stdout)[1].Description.Resources.GenericResources).toEqual([
      { NamedResourceSpec: { Kind: 'gpu', Value: 'A' } },
      { NamedResourceSpec: { Kind: 'gpu', Value: 'B' } },
      { DiscreteResourceSpec: { Kind: 'ssd', Value: 2 } },
    ]);
  });

  it('knows itself, and tells it to people', async () => {
    const { stdout } = await gantry('node', 'inspect', 'self', '--pretty');
    expect(stdout).toMatch(/^ID:\s+id-d\n/);
    expect(stdout).toContain(' Generic Resources:\n  - gpu=A\n  - gpu=B\n  - ssd=2\n');
    expect(stdout).toMatch(/ Raft Status:\s+Reachable\n Leader:\s+No\n/);
  });
});

describe('node ps', () => {
  it('lists the tasks of its own node', async () => {
    expect((await gantry('node', 'ps', '--format', '{{.Name}} {{.Node}}')).stdout).toBe('web.1 delta\n');
    expect(lists).toEqual([{ stack: '', services: [], nodes: ['id-d'] }]);
  });

  it('lists those of others', async () => {
    expect((await gantry('node', 'ps', '-q', 'gamma', 'self')).stdout).toBe('task-1\n');
    expect(lists).toEqual([{ stack: '', services: [], nodes: ['gamma', 'id-d'] }]);
  });
});

describe('node promote and demote', () => {
  it('ask for the role, and say what was so already', async () => {
    const promoted = await gantry('node', 'promote', 'gamma', 'alpha', 'nobody');
    expect(promoted).toMatchObject({
      exitCode: 1,
      stdout: 'Node gamma promoted to a manager in the cluster.\nNode alpha is already a manager.\n',
      stderr: 'gantry: no such node: nobody\n',
    });
    expect(updates).toMatchObject([{ reference: 'id-c', role: NodeRole.MANAGER, force: false }]);
  });

  it('carry force on, also for one that waits to be let go; the node that is asked goes last', async () => {
    const { stdout } = await gantry('node', 'demote', '--force', 'self', 'gamma');
    expect(stdout).toBe('Node gamma is already a worker.\nManager self demoted in the cluster.\n');
    expect(updates).toMatchObject([
      { reference: 'id-c', role: NodeRole.WORKER, force: true },
      { reference: 'id-d', role: NodeRole.WORKER, force: true },
    ]);
  });
});

describe('node update', () => {
  it('changes what is given and nothing else', async () => {
    const flags = ['--availability', 'drain', '--label-add', 'disk=ssd', '--label-add', 'gpu', '--label-rm', 'zone'];
    expect((await gantry('node', 'update', ...flags, 'gamma')).stdout).toBe('gamma\n');
    expect(updates).toEqual([
      {
        reference: 'gamma',
        role: undefined,
        availability: NodeAvailability.DRAIN,
        labelsAdd: { disk: 'ssd', gpu: '' },
        labelsRemove: ['zone'],
        force: false,
      },
    ]);
  });

  it.each([
    [['--availability', 'away'], /active, pause, drain/],
    [['--role', 'boss'], /worker, manager/],
    [['--availability', 'constructor'], /active, pause, drain/],
  ])('refuses %j', async (flags, message) => {
    const { exitCode, stderr } = await gantry('node', 'update', ...flags, 'gamma');
    expect(exitCode).toBe(125);
    expect(stderr).toMatch(message);
  });
});

describe('node rm', () => {
  it('removes each, and says what was refused', async () => {
    const asked: NodeRemoveRequest[] = [];
    const nodeRemove = unaryMethod(async (request: NodeRemoveRequest) => {
      asked.push(request);
      if (request.reference === 'alpha') throw new GantryError('WRONG_STATE', 'it is a manager');
      return {};
    });
    await daemon.start({ nodeRemove });
    const finished = await runCli(daemon.host, ['node', 'rm', '-f', 'alpha', 'beta']);
    expect(finished).toMatchObject({ exitCode: 1, stdout: 'beta\n', stderr: 'gantry: it is a manager\n' });
    expect(asked).toEqual([
      { reference: 'alpha', force: true },
      { reference: 'beta', force: true },
    ]);
  });
});

describe('cluster join-token, init and join', () => {
  const clusterJoinToken = unaryMethod(async ({ role, rotate }: ClusterJoinTokenRequest) => ({
    token: `GNTKN-1-${role}-${rotate}`,
    managerAddress: '192.0.2.1:2377',
  }));

  it.each([
    [
      ['worker'],
      'To add a worker to this cluster, run the following command:\n\n    gantry cluster join --token GNTKN-1-0-false 192.0.2.1:2377\n\n',
    ],
    [['manager', '-q'], 'GNTKN-1-1-false\n'],
    [['worker', '-q', '--rotate'], 'GNTKN-1-0-true\n'],
  ])('prints the token for %j', async (argv, stdout) => {
    await daemon.start({ clusterJoinToken });
    expect(await runCli(daemon.host, ['swarm', 'join-token', ...argv])).toMatchObject({ exitCode: 0, stdout });
  });

  it('says after init how others join', async () => {
    const clusterInit = unaryMethod(async () => ({ nodeId: 'id-a', clusterId: 'c' }));
    await daemon.start({ clusterInit, clusterJoinToken });
    const { stdout } = await runCli(daemon.host, ['cluster', 'init']);
    expect(stdout).toContain('this node (id-a) is now a manager.\n');
    expect(stdout).toContain('    gantry cluster join --token GNTKN-1-0-false 192.0.2.1:2377\n');
  });

  it('joins with what was given', async () => {
    let asked: ClusterJoinRequest | undefined;
    const clusterJoin = unaryMethod(async (request: ClusterJoinRequest) => {
      asked = request;
      return { nodeId: 'id-e', clusterId: 'c', role: NodeRole.WORKER };
    });
    await daemon.start({ clusterJoin });
    const argv = ['cluster', 'join', '--token', 't', '--availability', 'pause', '192.0.2.1'];
    expect((await runCli(daemon.host, argv)).stdout).toBe('This node joined a cluster as a worker.\n');
    expect(asked).toEqual({
      token: 't',
      manager: '192.0.2.1',
      advertiseAddr: '',
      availability: NodeAvailability.PAUSE,
    });
  });

  it('needs a token', async () => {
    await daemon.start({});
    expect(await runCli(daemon.host, ['cluster', 'join', '192.0.2.1'])).toMatchObject({
      exitCode: 125,
      stderr: expect.stringContaining('--token'),
    });
  });
});
