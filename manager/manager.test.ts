/** A whole manager and a simulated agent, over gRPC: what a user and an agent see. */
import { describe, expect, it } from 'vitest';
import { responses, unary } from '../proto/client.ts';
import {
  ChangeKind,
  type NodeListResponse,
  type ServiceListResponse,
  type ServiceLogLine,
  StackSpec,
  type WatchEvent,
} from '../proto/generated/gantry/v1/control.ts';
import {
  DependencyCondition,
  NodeState,
  ServiceSpec,
  type Task,
  TaskState,
} from '../proto/generated/gantry/v1/types.ts';
import {
  agent,
  deploy,
  host,
  manager,
  port,
  running,
  scale,
  shop,
  shopRuns,
  startAgentAgain,
  startManagerAgain,
  taskIds,
  tasks,
  useManager,
  waitFor,
} from './manager-fixture.testing.ts';
import { serviceSpec } from './objects.testing.ts';
import { SimulatedAgent } from './simulated-agent.testing.ts';

useManager();

describe('a cluster of one', () => {
  it('starts with itself as its node, which becomes ready with its agent', async () => {
    const inspected = await unary((done) => manager.client.clusterInspect({}, done));
    expect(inspected).toMatchObject({
      nodeId: 'node1',
      leaderNodeId: 'node1',
      cluster: { spec: { taskHistoryLimit: 5 } },
    });
    await waitFor(async () => {
      const { nodes } = await unary<NodeListResponse>((done) => manager.client.nodeList({}, done));
      expect(nodes.map((node) => [node.id, node.status?.state, node.description?.hostname])).toEqual([
        ['node1', NodeState.READY, 'host-node1'],
      ]);
    });
  });

  it('refuses the session of a node that it does not know', async () => {
    const stranger = new SimulatedAgent(host.socketPath, 'stranger');
    await stranger.disconnect();
    expect(manager.store.view((read) => read.get('node', 'stranger'))).toBeUndefined();
  });
});

describe('a stack', () => {
  it('runs, and its node knows what it needs: networks with addresses, files, endpoints', async () => {
    await deploy(shop());
    await shopRuns();
    await waitFor(() => {
      expect([...agent.networks.values()].map((blocks) => blocks.length)).toEqual([1]);
      expect(agent.files.size).toBe(2);
      const front = [...agent.endpoints.values()].find((service) => service.serviceName === 'shop_front');
      expect(front?.endpoints.map((endpoint) => endpoint.slot)).toEqual([1, 2, 3]);
      expect(front?.ports[0]?.publishedPort).toBe(8080);
    });
    const { services } = await unary<ServiceListResponse>((done) =>
      manager.client.serviceList({ stack: 'shop', references: [] }, done),
    );
    expect(services.map((s) => [s.service?.spec?.annotations?.name, s.runningTasks, s.desiredTasks])).toEqual([
      ['shop_back', 1, 1],
      ['shop_front', 3, 3],
      ['shop_store', 1, 1],
    ]);
  });

  it('starts a service once what it depends on is so, and says what it waits for', async () => {
    agent.unhealthy.add('shop_back');
    await deploy(shop());
    await waitFor(() => {
      const waiting = tasks('shop_front').map((task) => [task.status?.state, task.status?.message]);
      expect(new Set(waiting.map(String))).toEqual(
        new Set([`${TaskState.PENDING},waiting for service shop_back to be healthy`]),
      );
      expect(tasks('shop_back')[0]?.status?.state).toBe(TaskState.STARTING);
    });
    agent.heal('shop_back');
    await shopRuns();
  });

  it('changes nothing when it is deployed again unchanged', async () => {
    const first = await deploy(shop());
    expect(new Set(first.changes.map((change) => change.change))).toEqual(new Set([ChangeKind.CREATE]));
    await shopRuns();
    const before = tasks().map((task) => task.id);
    const again = await deploy(shop());
    expect(new Set(again.changes.map((change) => change.change))).toEqual(new Set([ChangeKind.UNCHANGED]));
    expect(tasks().map((task) => task.id)).toEqual(before);
  });

  it('plans and changes nothing in a dry run', async () => {
    const { changes } = await deploy(shop(), { dryRun: true });
    expect(changes).toHaveLength(6);
    expect(manager.store.view((read) => read.find('service', { by: 'all' }))).toEqual([]);
  });

  it('rolls one task after the other to a changed spec, and stops at one that fails', async () => {
    await deploy(shop());
    await shopRuns();
    agent.unhealthy.add('shop_front');
    await deploy(shop({ image: 'hello:2' }));
    await waitFor(() => expect(tasks('shop_front').filter((task) => task.specVersion === 2)).toHaveLength(1));
    await waitFor(() => expect(running('shop_front')).toHaveLength(2));
    agent.heal('shop_front');
    await waitFor(() => {
      expect(running('shop_front').map((task) => task.spec?.container?.image)).toEqual([
        'hello:2',
        'hello:2',
        'hello:2',
      ]);
    });
  });

  it('rolls the users of a config whose content changed, and keeps the old one for the way back', async () => {
    const contents = () => {
      const configs = manager.store.view((read) => read.find('config', { by: 'all' }));
      return configs.map((config) => config.spec.data.toString()).sort();
    };
    const withContent = (text: string) => {
      const changed = shop();
      changed.configs = changed.configs.map((config) => ({ ...config, data: Buffer.from(text) }));
      return changed;
    };
    const used = () => {
      const ids = running('shop_front').map((task) => task.spec?.container?.configs[0]?.id ?? '');
      return manager.store.view((read) => ids.map((id) => read.get('config', id)?.spec.data.toString()));
    };
    await deploy(shop());
    await shopRuns();
    await deploy(withContent('second'));
    await waitFor(() => expect(used()).toEqual(['second', 'second', 'second']));
    expect(tasks('shop_back')).toHaveLength(1);
    expect(contents()).toEqual(['config', 'second']);
    await unary((done) => manager.client.serviceRollback({ reference: 'shop_front' }, done));
    await waitFor(() => expect(used()).toEqual(['config', 'config', 'config']));
    // What it has now is the older one, whose name another holds: it can be changed all the same.
    const asked = { stack: '', references: ['shop_front'] };
    const { services } = await unary<ServiceListResponse>((done) => manager.client.serviceList(asked, done));
    const base = services[0]?.service?.spec;
    const annotations = { name: 'shop_front', labels: { ...base?.annotations?.labels, tier: 'front' } };
    const spec = ServiceSpec.fromPartial({ ...base, annotations } as ServiceSpec);
    await unary((done) => manager.client.serviceUpdate({ reference: 'shop_front', base, spec }, done));
    await deploy(withContent('third'));
    await waitFor(() => expect(used()).toEqual(['third', 'third', 'third']));
    // The stack can go back to each of its versions.
    expect(contents()).toEqual(['config', 'second', 'third']);
    const back = { name: 'shop', version: 2, dryRun: false, takenBack: 0 };
    await unary((done) => manager.client.stackRollback(back, done));
    await waitFor(() => expect(used()).toEqual(['second', 'second', 'second']));
    for (let number = 1; number <= 10; number += 1) await deploy(withContent(`next ${number}`));
    // Ten of them are kept; the first content is what the service itself would go back to.
    const names = Array.from({ length: 10 }, (_, index) => `next ${index + 1}`);
    await waitFor(() => expect(new Set(contents())).toEqual(new Set(['config', ...names])));
  });

  it('goes without a trace', async () => {
    await deploy(shop());
    await shopRuns();
    await unary((done) => manager.client.stackRemove({ name: 'shop' }, done));
    await waitFor(() => {
      const left = manager.store.view((read) =>
        (['service', 'task', 'network', 'secret', 'config'] as const).flatMap((kind) => read.find(kind, { by: 'all' })),
      );
      expect(left).toEqual([]);
      expect([agent.tasks.size, agent.networks.size, agent.files.size, agent.endpoints.size]).toEqual([0, 0, 0, 0]);
    });
    await expect(unary((done) => manager.client.stackRemove({ name: 'shop' }, done))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'nothing found in stack: shop',
    });
  });

  it('may be deployed again while the last one is still going', async () => {
    await deploy(shop());
    await shopRuns();
    await unary((done) => manager.client.stackRemove({ name: 'shop' }, done));
    await deploy(shop());
    await waitFor(() => expect(tasks()).toHaveLength(5));
    await shopRuns();
  });

  it('loses the services that its spec no longer has when pruned', async () => {
    await deploy(shop());
    const small = { ...shop(), services: shop().services.filter((spec) => spec.annotations?.name === 'shop_store') };
    await deploy(small, { prune: true });
    await waitFor(() => {
      const names = manager.store
        .view((read) => read.find('service', { by: 'all' }))
        .map((s) => s.spec.annotations.name);
      expect(names).toEqual(['shop_store']);
    });
  });
});

describe('tasks', () => {
  it('are replaced when they fail, in the same slot, at once', async () => {
    await deploy(shop());
    await shopRuns();
    const victim = running('shop_front')[1];
    const begun = performance.now();
    agent.report(victim?.id ?? '', { state: TaskState.FAILED, exitCode: 137, error: 'killed' });
    await waitFor(() => {
      const slot = tasks('shop_front').filter((task) => task.slot === victim?.slot);
      expect(slot.map((task) => task.desiredState).sort((a, b) => a - b)).toEqual([
        TaskState.RUNNING,
        TaskState.SHUTDOWN,
      ]);
      expect(running('shop_front')).toHaveLength(3);
    });
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  it('wait before their second restart', async () => {
    await deploy(shop());
    await shopRuns();
    for (const _ of [1, 2]) {
      const [victim] = running('shop_store');
      agent.report(victim?.id ?? '', { state: TaskState.FAILED, exitCode: 1 });
      await waitFor(() =>
        expect(
          tasks('shop_store').some((task) => task.id === victim?.id && task.desiredState === TaskState.SHUTDOWN),
        ).toBe(true),
      );
      await waitFor(() =>
        expect(
          tasks('shop_store').filter((task) => task.desiredState === TaskState.RUNNING && task.id !== victim?.id),
        ).toHaveLength(1),
      );
      if (_ === 1) await waitFor(() => expect(running('shop_store')).toHaveLength(1));
    }
    const [waiting] = tasks('shop_store').filter((task) => task.desiredState === TaskState.RUNNING);
    expect(waiting?.status).toMatchObject({ state: TaskState.PENDING, message: 'waiting 1 s before the restart' });
    await waitFor(() => expect(running('shop_store')).toHaveLength(1));
  });

  it('come and go with scaling; what goes is forgotten', async () => {
    await deploy(shop());
    await shopRuns();
    await scale({ shop_front: 5, shop_back: 2 });
    await waitFor(() => expect([running('shop_front').length, running('shop_back').length]).toEqual([5, 2]));
    await scale({ shop_front: 1 });
    await waitFor(() => expect(tasks('shop_front')).toHaveLength(1));
    expect(tasks('shop_front')[0]?.slot).toBe(1);
    await scale({ shop_front: 0 });
    await waitFor(() => expect(tasks('shop_front')).toHaveLength(0));
  });

  it('can be scaled all or none', async () => {
    await deploy(shop());
    await expect(scale({ shop_front: 5, nobody: 1 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const { services } = await unary<ServiceListResponse>((done) =>
      manager.client.serviceList({ stack: '', references: ['shop_front'] }, done),
    );
    expect(services[0]?.desiredTasks).toBe(3);
  });

  it('run on every node when their service is global, which can not be scaled', async () => {
    await deploy(StackSpec.fromPartial({ name: 'g', services: [serviceSpec('g_all', { global: true })] }));
    await waitFor(() => expect(running('g_all').map((task) => [task.slot, task.nodeId])).toEqual([[0, 'node1']]));
    await expect(scale({ g_all: 2 })).rejects.toMatchObject({ code: 'WRONG_STATE' });
    const [victim] = running('g_all');
    agent.report(victim?.id ?? '', { state: TaskState.FAILED });
    await waitFor(() => {
      const [replacement] = running('g_all');
      expect(replacement?.nodeId).toBe('node1');
      expect(replacement?.id).not.toBe(victim?.id);
    });
  });

  it('let a service wait for one that completes', async () => {
    agent.oneShot.add('j_job');
    const job = serviceSpec('j_job');
    const spec = {
      ...job,
      task: { ...job.task, restart: { condition: 1, maxAttempts: 0, windowMs: 0 } },
    } as typeof job;
    const after = serviceSpec('j_after', {
      dependencies: [{ service: 'j_job', condition: DependencyCondition.COMPLETED }],
    });
    await deploy(StackSpec.fromPartial({ name: 'j', services: [spec, after] }));
    await waitFor(() => expect(running('j_after')).toHaveLength(1));
    expect(tasks('j_job').map((task) => [task.status?.state, task.desiredState])).toEqual([
      [TaskState.COMPLETE, TaskState.SHUTDOWN],
    ]);
  });

  it('that an agent reports and nobody knows are to be removed there', async () => {
    await deploy(shop());
    await shopRuns();
    agent.tasks.set('stray', running('shop_store')[0] as Task);
    agent.report('stray', { state: TaskState.RUNNING });
    await waitFor(() => expect(agent.tasks.has('stray')).toBe(false));
  });
});

describe('refusals', () => {
  const single = (name: string, options: Parameters<typeof serviceSpec>[1]) =>
    StackSpec.fromPartial({ name, services: [serviceSpec(`${name}_web`, options)] });

  it('name the service that has a port', async () => {
    await deploy(shop());
    await expect(deploy(single('other', { ports: [port(8080)] }))).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: 'port 8080/tcp is already published by service shop_front',
    });
  });

  it("name the node, and who has a port there that is no service's", async () => {
    agent.takenPorts.set(':9090', 'another process');
    await waitFor(() => {
      expect(manager.store.view((read) => read.get('node', 'node1'))?.status.state).toBe(NodeState.READY);
    });
    await expect(deploy(single('s', { ports: [port(9090)] }))).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: 'port 9090/tcp is already in use on node host-node1 by another process',
    });
    expect(tasks()).toEqual([]);
  });

  it('name who has a port on IPv6 alone, where it is to be on IPv6, too', async () => {
    agent.takenPorts.set(':::9091', 'another process');
    await waitFor(() => {
      expect(manager.store.view((read) => read.get('node', 'node1'))?.status.state).toBe(NodeState.READY);
    });
    const dual = (enableIpv6: boolean, name: string) =>
      StackSpec.fromPartial({
        name: 's',
        networks: [{ annotations: { name }, driver: 'overlay', enableIpv6 }],
        services: [serviceSpec('s_web', { ports: [port(9091)], networks: [name] })],
      });
    const refusal = {
      code: 'PORT_IN_USE',
      message: 'port [::]:9091/tcp is already in use on node host-node1 by another process',
    };
    await expect(deploy(dual(true, 's_dual'))).rejects.toMatchObject(refusal);
    await deploy(dual(false, 's_net'));
    await expect(deploy(dual(true, 's_dual'))).rejects.toMatchObject(refusal);
  });

  it.each([
    [{ networks: ['nowhere'] }, 'service s_web refers to undefined network "nowhere"'],
    [{ secrets: ['nothing'] }, 'service s_web refers to undefined secret "nothing"'],
    [{ image: '' }, 'service s_web has no image'],
    [
      { dependencies: [{ service: 's_web', condition: DependencyCondition.STARTED }] },
      'services depend on each other in a circle: s_web → s_web',
    ],
  ])('say what is undefined or wrong: %o', async (options, message) => {
    await expect(deploy(single('s', options))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message });
    expect(manager.store.view((read) => read.find('service', { by: 'all' }))).toEqual([]);
  });
});

describe('a manager that is restarted', () => {
  it('goes on where it was: nothing twice, nothing restarted', async () => {
    await deploy(shop());
    await shopRuns();
    const before = taskIds();
    await manager.stop();
    await agent.disconnect();
    await startManagerAgain();
    startAgentAgain();
    await waitFor(() => expect(new Set(agent.tasks.keys())).toEqual(before));
    agent.report(running('shop_store')[0]?.id ?? '', { state: TaskState.FAILED });
    await waitFor(() => expect([tasks('shop_store').length, running('shop_store').length]).toEqual([2, 1]));
    expect([...before].filter((id) => !taskIds().has(id))).toEqual([]);
    expect(agent.started.size).toBe(6);
  });

  it('takes up a stack that was deployed just before', async () => {
    void deploy(shop()).catch(() => undefined);
    await waitFor(() => expect(manager.store.view((read) => read.find('service', { by: 'all' }))).toHaveLength(3));
    await manager.stop();
    await agent.disconnect();
    await startManagerAgain();
    startAgentAgain();
    await shopRuns();
    expect(tasks()).toHaveLength(5);
  });

  it('marks a node down whose agent stays silent, and ready when it comes back', async () => {
    await deploy(shop());
    await shopRuns();
    await agent.disconnect();
    const state = () => manager.store.view((read) => read.get('node', 'node1'))?.status.state;
    await waitFor(() => expect(state()).toBe(NodeState.DOWN));
    startAgentAgain();
    await waitFor(() => expect(state()).toBe(NodeState.READY));
    await shopRuns();
  });
});

describe('streams', () => {
  it('watch: the present state, then changes', async () => {
    await deploy(shop());
    const events: WatchEvent[] = [];
    const call = manager.client.watch({ fromRevision: 0, kinds: [], stack: 'shop' });
    const reading = (async () => {
      for await (const event of responses(call)) {
        events.push(event);
        if (event.synced) void scale({ shop_store: 2 });
        if (
          event.object?.$case === 'task' &&
          event.object.value.serviceName === 'shop_store' &&
          event.object.value.slot === 2
        )
          break;
      }
    })();
    await reading;
    const synced = events.findIndex((event) => event.synced);
    expect(events.slice(0, synced).filter((event) => event.object?.$case === 'service')).toHaveLength(3);
    expect(synced).toBeGreaterThan(0);
  });

  it('logs: of all tasks of a service, in order of time', async () => {
    await deploy(shop());
    await shopRuns();
    const lines: ServiceLogLine[] = [];
    const request = { reference: 'shop_front', follow: false, tail: undefined, sinceMs: 0, untilMs: 0 };
    for await (const line of responses(manager.client.serviceLogs(request))) lines.push(line);
    expect(lines.map((line) => line.data.toString().split(' ')[0])).toEqual([
      'first',
      'first',
      'first',
      'second',
      'second',
      'second',
    ]);
    expect(new Set(lines.map((line) => line.slot))).toEqual(new Set([1, 2, 3]));
    expect(lines[0]?.nodeName).toBe('host-node1');
  });

  it('logs that are followed include tasks that start later', async () => {
    await deploy(shop());
    await shopRuns();
    const slots = new Set<number>();
    const request = { reference: 'shop_store', follow: true, tail: undefined, sinceMs: 0, untilMs: 0 };
    for await (const line of responses(manager.client.serviceLogs(request))) {
      if (slots.size === 0) void scale({ shop_store: 2 });
      slots.add(line.slot);
      if (slots.has(2)) break;
    }
    expect([...slots]).toEqual([1, 2]);
  });
});
