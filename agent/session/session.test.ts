import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import {
  Assignments,
  AttachedContainer,
  Membership,
  type NodeImage,
  type NodeImages,
  type SessionRequest,
  type TaskStatusUpdate,
} from '../../proto/generated/gantry/v1/dispatcher.ts';
import { NodeDescription, TaskState } from '../../proto/generated/gantry/v1/types.ts';
import type { ImageReport } from '../image/image-report.ts';
import { runnableImage } from '../image/runnable-image.testing.ts';
import type { ClusterNetworks } from '../network/networks.ts';
import type { VolumeReport } from '../volume/volumes.ts';
import { AssignmentApplier } from '../worker/assignment-applier.ts';
import { AssignmentFile } from '../worker/assignment-file.ts';
import { memoryContainers } from '../worker/memory-containers.testing.ts';
import { Worker } from '../worker/worker.ts';
import { serveDispatcher, type TestDispatcher } from './dispatcher-server.testing.ts';
import { type ManagerEndpoint, Session } from './session.ts';

const logger = pino({ level: 'silent' });
const images = { resolve: async () => runnableImage() };

/** What the host has. */
let report: ImageReport;
let imagesChanged: () => void;
const hostImages = {
  report: () => report,
  onChange: (listener: () => void) => {
    imagesChanged = listener;
    return () => undefined;
  },
};

/** Of the host. */
let volumes: VolumeReport;
let volumesChanged: () => void;
const hostVolumes = {
  report: async () => volumes,
  onChange: (listener: () => void) => {
    volumesChanged = listener;
    return () => undefined;
  },
};

let attached: AttachedContainer[];
let attachedChanged: () => void;
let addressesChanged: () => void;
let parentsChanged: () => void;
const hostNetworks = {
  onIpv6Addresses: (listener: () => void) => {
    addressesChanged = listener;
    return () => undefined;
  },
  onParents: (listener: () => void) => {
    parentsChanged = listener;
    return () => undefined;
  },
  attached: () => attached,
  onAttached: (listener: () => void) => {
    attachedChanged = listener;
    return () => undefined;
  },
};

let dir: string;
let dispatcher: TestDispatcher;
/** What the agent says of its node. */
let described: NodeDescription;
let endpoints: ManagerEndpoint[];
let memberships: Membership[];
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'gantry-session-'));
  dispatcher = await serveDispatcher(join(dir, 'manager.sock'));
  endpoints = [endpoint('manager.sock')];
  memberships = [];
  report = { images: [], partial: false };
  volumes = { names: [], mounted: [] };
  attached = [];
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((agent) => agent.stop()));
  dispatcher.close();
  rmSync(dir, { recursive: true, force: true });
});

function endpoint(socket: string): ManagerEndpoint {
  return { address: { kind: 'unix', path: join(dir, socket) }, credentials: undefined };
}

/** Networks that remember what was applied; `fail` makes applyNetworks fail that many times. */
function recordingNetworks(fail = 0) {
  const applied: string[] = [];
  let failures = fail;
  const networks = {
    applyNetworks: async (list: readonly { network: { id: string } | undefined }[]) => {
      if (failures-- > 0) throw new GantryError('HOST', 'no bridge today');
      applied.push(`networks ${list.map(({ network }) => network?.id)}`);
    },
    applyEndpoints: async (list: readonly { serviceId: string }[]) => {
      applied.push(`endpoints ${list.map(({ serviceId }) => serviceId)}`);
    },
    applyAttached: async (list: readonly { containerId: string }[]) => {
      applied.push(`names ${list.map(({ containerId }) => containerId)}`);
    },
  };
  return { applied, networks };
}

async function startAgent(networks: ClusterNetworks = recordingNetworks().networks) {
  const containers = memoryContainers();
  const node = NodeDescription.fromPartial({ hostname: 'host1' });
  described = node;
  const worker = new Worker({
    ...{ dir, containers, images, node, logger },
    imageSource: { bring: async (): Promise<never> => Promise.reject(new Error('there is no registry')) },
    aloneSinceMs: () => undefined,
    now: () => 1000,
  });
  const file = new AssignmentFile(join(dir, 'networks.json'), logger);
  const applier = new AssignmentApplier({ worker, networks, file, logger });
  const session = new Session({
    nodeId: 'node1',
    description: () => described,
    address: '192.0.2.1',
    endpoints: () => endpoints,
    explain: async (error) => error,
    onMembership: (membership) => memberships.push(membership),
    worker,
    applier,
    images: hostImages,
    volumes: hostVolumes,
    networks: hostNetworks,
    methods: new Map(),
    logger,
    random: () => 0.5,
    now: () => 1000,
  });
  const end = new AbortController();
  await applier.start();
  const run = session.run(end.signal);
  const stop = async () => {
    end.abort();
    await run;
    await applier.close();
    await worker.close();
  };
  running.push({ stop });
  return { session, containers, stop };
}

type Message = NonNullable<SessionRequest['message']>;
type Value<Case extends Message['$case']> = Extract<Message, { $case: Case }>['value'];

function received<Case extends Message['$case']>(kind: Case): Value<Case>[] {
  return dispatcher.received.filter(({ $case }) => $case === kind).map(({ value }) => value as Value<Case>);
}

function latestStatus(): TaskStatusUpdate | undefined {
  return received('statuses')
    .flatMap(({ updates }) => updates)
    .at(-1);
}

const FIRST = Assignments.fromPartial({
  version: 1,
  complete: true,
  changes: [
    { item: { $case: 'network', value: { network: { id: 'n1' } } } },
    { item: { $case: 'endpoints', value: { serviceId: 'v1' } } },
    { item: { $case: 'attached', value: { networkId: 'n1', nodeId: 'node2', containerId: 'c1' } } },
    {
      item: {
        $case: 'task',
        value: {
          id: 't1',
          desiredState: TaskState.RUNNING,
          status: { state: TaskState.ASSIGNED },
          spec: { container: { image: 'web' }, networks: [{ target: 'n1' }] },
        },
      },
    },
  ],
});

describe('a session', () => {
  it('says who the node is, and that it is alive', async () => {
    const { session } = await startAgent();
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    expect(received('hello')).toMatchObject([
      { nodeId: 'node1', address: '192.0.2.1', description: { hostname: 'host1' } },
    ]);
    await vi.waitFor(() => expect(received('heartbeat').length).toBeGreaterThan(1));
  });

  it('says it again when it has changed, and only then', async () => {
    const { session } = await startAgent();
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    session.describe();
    described = { ...described, tls: { trustedRoots: ['sha256:a', 'sha256:b'], issuer: 'sha256:b' } };
    session.describe();
    session.describe();
    await vi.waitFor(() => expect(received('description')).toEqual([described]));
  });

  it('says it again when the host has got other addresses', async () => {
    const { session } = await startAgent();
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    described = { ...described, ipv6Addresses: ['2001:db8::7'] };
    addressesChanged();
    addressesChanged();
    await vi.waitFor(() => expect(received('description')).toEqual([described]), 5000);
  });

  it('says it again when the host has got another link', async () => {
    const { session } = await startAgent();
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    described = { ...described, links: ['eth0', 'eth1'] };
    parentsChanged();
    await vi.waitFor(() => expect(received('description')).toEqual([described]));
  });

  it('tells which images the node has, and afterwards only what has changed', async () => {
    const platform = { os: 'linux', architecture: 'arm64' };
    const image = (id: string, ...names: string[]) => ({ id, names, platform, otherPlatforms: [] });
    const told = (put: NodeImage[], fields: Partial<NodeImages> = {}) =>
      expect.objectContaining({ complete: false, put, removed: [], partial: false, ...fields });
    report = { images: [image('i1', 'a:1'), image('i2', 'b:1')], partial: false };
    await startAgent();
    await vi.waitFor(() => expect(received('images')).toHaveLength(1));
    report = { images: [image('i1', 'a:1', 'a:2'), image('i3', 'c:1')], partial: true };
    imagesChanged();
    imagesChanged();
    await vi.waitFor(() => expect(received('images')).toHaveLength(2), 5000);
    dispatcher.sessions.at(-1)?.end();
    await vi.waitFor(() => expect(received('images')).toHaveLength(3), 5000);
    expect(received('images')).toEqual([
      told([image('i1', 'a:1'), image('i2', 'b:1')], { complete: true }),
      told([image('i1', 'a:1', 'a:2'), image('i3', 'c:1')], { removed: ['i2'], partial: true }),
      told([image('i1', 'a:1', 'a:2'), image('i3', 'c:1')], { complete: true, partial: true }),
    ]);
  });

  it('tells which volumes the node has, also that it has none, and again when there are others', async () => {
    await startAgent();
    await vi.waitFor(() => expect(received('volumes')).toHaveLength(1));
    volumes = { names: ['data'], mounted: ['share'] };
    volumesChanged();
    await vi.waitFor(() => expect(received('volumes')).toHaveLength(2), 5000);
    dispatcher.sessions.at(-1)?.end();
    await vi.waitFor(() => expect(received('volumes')).toHaveLength(3), 5000);
    const both = { names: ['data'], mounted: ['share'] };
    expect(received('volumes')).toEqual([{ names: [], mounted: [] }, both, both]);
  });

  it('tells of its attached containers all at first, then what is different', async () => {
    const container = (containerId: string, name: string) =>
      AttachedContainer.fromPartial({ networkId: 'n1', containerId, names: [name], addresses: ['10.0.0.2'] });
    await startAgent();
    await vi.waitFor(() => expect(received('attachments')).toEqual([{ complete: true, put: [], removed: [] }]));
    attached = [container('c1', 'db'), container('c2', 'web')];
    attachedChanged();
    await vi.waitFor(() => expect(received('attachments')).toHaveLength(2));
    attached = [container('c2', 'cache')];
    attachedChanged();
    await vi.waitFor(() => expect(received('attachments')).toHaveLength(3));
    dispatcher.sessions.at(-1)?.end();
    await vi.waitFor(() => expect(received('attachments')).toHaveLength(4), 5000);
    const gone = AttachedContainer.fromPartial({ networkId: 'n1', containerId: 'c1' });
    expect(received('attachments').slice(1)).toEqual([
      { complete: false, put: [container('c1', 'db'), container('c2', 'web')], removed: [] },
      { complete: false, put: [container('c2', 'cache')], removed: [gone] },
      { complete: true, put: [container('c2', 'cache')], removed: [] },
    ]);
  });

  it('applies networks, then endpoints, then tasks, and acknowledges only then', async () => {
    const { applied, networks } = recordingNetworks();
    const { session } = await startAgent(networks);
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    dispatcher.send({ $case: 'assignments', value: FIRST });
    await vi.waitFor(() => expect(received('applied')).toEqual([{ version: 1 }]));
    expect(applied).toEqual(['networks n1', 'names c1', 'endpoints v1']);
    await vi.waitFor(() => expect(latestStatus()?.status?.state).toBe(TaskState.RUNNING));
  });

  it('ends with the tasks of a node that was removed from its cluster', async () => {
    const { session, containers } = await startAgent();
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    dispatcher.send({ $case: 'assignments', value: FIRST });
    await vi.waitFor(() => expect(latestStatus()?.status?.state).toBe(TaskState.RUNNING));
    dispatcher.refusal = new GantryError('UNAVAILABLE', 'another leads');
    dispatcher.sessions.at(-1)?.end();
    await vi.waitFor(() => expect(session.state).toMatchObject({ connected: false, error: 'another leads' }));
    expect(containers.calls).toEqual(['create t1', 'start t1']);
    dispatcher.refusal = new GantryError('NODE_REMOVED', 'node node1 was removed');
    await vi.waitFor(() => expect(containers.calls.slice(2)).toEqual(['stop t1', 'remove t1']));
  });

  it('does not acknowledge what it could not apply, and applies it later', async () => {
    const { applied, networks } = recordingNetworks(1);
    const { session } = await startAgent(networks);
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    dispatcher.send({ $case: 'assignments', value: FIRST });
    await vi.waitFor(() => expect(latestStatus()?.status?.message).toBe('waiting for network n1'));
    expect(received('applied')).toEqual([]);
    await vi.waitFor(() => expect(received('applied')).toEqual([{ version: 1 }]), { timeout: 3000 });
    expect(applied).toContain('networks n1');
  });

  it('applies an increment onto what it has', async () => {
    const { applied, networks } = recordingNetworks();
    const { session } = await startAgent(networks);
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    dispatcher.send({ $case: 'assignments', value: FIRST });
    const second = Assignments.fromPartial({
      version: 2,
      changes: [{ item: { $case: 'endpoints', value: { serviceId: 'v2' } } }],
    });
    dispatcher.send({ $case: 'assignments', value: second });
    await vi.waitFor(() => expect(received('applied').at(-1)).toEqual({ version: 2 }));
    expect(applied.at(-1)).toBe('endpoints v1,v2');
    expect(applied.filter((entry) => entry.startsWith('networks'))).toEqual(['networks n1']);
  });
});

describe('when the manager goes away', () => {
  it('keeps tasks running, comes back as soon as the socket does, and reports what happened meanwhile', async () => {
    const { session, containers } = await startAgent();
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    dispatcher.send({ $case: 'assignments', value: FIRST });
    await vi.waitFor(() => expect(latestStatus()?.status?.state).toBe(TaskState.RUNNING));
    dispatcher.close();
    await vi.waitFor(() => expect(session.state.connected).toBe(false));
    containers.exit('t1', 3);

    dispatcher = await serveDispatcher(join(dir, 'manager.sock'));
    await vi.waitFor(() => expect(latestStatus()?.status).toMatchObject({ state: TaskState.FAILED, exitCode: 3 }));
    expect(containers.calls).toEqual(['create t1', 'start t1']);
  });
});

describe('with several managers', () => {
  it('goes on with another one at once, also past one that is down', async () => {
    endpoints = [endpoint('manager.sock'), endpoint('down.sock'), endpoint('second.sock')];
    const second = await serveDispatcher(join(dir, 'second.sock'));
    const { session } = await startAgent();
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    dispatcher.close();
    await vi.waitFor(() => expect(second.received[0]?.$case).toBe('hello'));
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    second.close();
  });
});

describe('a manager that falls silent', () => {
  it('is given up for another one', async () => {
    const second = await serveDispatcher(join(dir, 'second.sock'));
    endpoints = [endpoint('manager.sock'), endpoint('second.sock')];
    const { session } = await startAgent();
    await vi.waitFor(() => expect(received('heartbeat').length).toBeGreaterThan(4));
    expect(dispatcher.sessions).toHaveLength(1);
    dispatcher.deaf = true;
    await vi.waitFor(() => expect(second.sessions).toHaveLength(1));
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    second.close();
  });
});

describe('a node’s place in the cluster', () => {
  it('is passed on as the manager tells it, and given up by telling it', async () => {
    const { session } = await startAgent();
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    const membership = Membership.fromPartial({ managers: [{ nodeId: 'm1', address: '192.0.2.1:2377' }] });
    dispatcher.send({ $case: 'membership', value: membership });
    await vi.waitFor(() => expect(memberships).toEqual([membership]));
    await session.leave();
    expect(received('leaving')).toHaveLength(1);
  });
});

describe('an agent that starts while no manager answers', () => {
  it('restores networks and endpoints from disk', async () => {
    const { session, stop } = await startAgent();
    await vi.waitFor(() => expect(session.state.connected).toBe(true));
    dispatcher.send({ $case: 'assignments', value: FIRST });
    await vi.waitFor(() => expect(received('applied')).toHaveLength(1));
    await stop();
    dispatcher.close();

    const { applied, networks } = recordingNetworks();
    await startAgent(networks);
    expect(applied).toEqual(['networks n1', 'names c1', 'endpoints v1']);
    expect(readFileSync(join(dir, 'networks.json'), 'utf8')).toContain('n1');
  });
});
