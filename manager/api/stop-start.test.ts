/** Services that are stopped and started, by requests. */
import { describe, expect, it } from 'vitest';
import { unary } from '../../proto/client.ts';
import type { ServiceRestartResponse, StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import {
  agent,
  deploy,
  manager,
  shop,
  shopRuns,
  startAgentAgain,
  startManagerAgain,
  taskIds,
  tasks,
  useManager,
  waitFor,
} from '../manager-fixture.testing.ts';
import { serviceName } from '../store/service.ts';
import { FORMAT_OF_STOPPED_SERVICES } from '../store/state-format.ts';

useManager();

const ALL = ['shop_front', 'shop_back', 'shop_store'];

function restart(references: string[], withDependents = false): Promise<ServiceRestartResponse> {
  return unary((done) => manager.client.serviceRestart({ references, withDependents }, done));
}

function stopped(): string[] {
  const services = manager.store.view((read) => read.find('service', { by: 'all' }));
  return services.filter((service) => service.stopped).map(serviceName);
}

/** Tasks that were there before and are still to run. */
function kept(before: ReadonlySet<string>): string[] {
  return [...taskIds()].filter((id) => before.has(id));
}

describe('a restart', () => {
  it('is done by whichever manager there is', async () => {
    await deploy(shop());
    await shopRuns();
    const before = taskIds();
    expect((await restart(ALL)).restarted).toHaveLength(3);
    await manager.stop();
    await agent.disconnect();
    await startManagerAgain();
    startAgentAgain();
    await waitFor(() => expect(stopped()).toEqual([]));
    await shopRuns();
    await waitFor(() => expect(kept(before)).toEqual([]));
  });

  it('is of those that are named alone, or with those that restart with them', async () => {
    await deploy(tied());
    await shopRuns();
    const ids = (names: string[]) => names.flatMap((name) => tasks(name).map(({ id }) => id)).sort();
    const others = ids(['shop_back', 'shop_front']);
    expect((await restart(['shop_store'])).restarted).toHaveLength(1);
    await waitFor(() => expect(stopped()).toEqual([]));
    await shopRuns();
    expect(ids(['shop_back', 'shop_front'])).toEqual(others);
    expect((await restart(['shop_store'], true)).restarted).toHaveLength(2);
    await waitFor(() => expect(stopped()).toEqual([]));
    await shopRuns();
    await waitFor(() => expect(new Set(kept(new Set(others)))).toEqual(new Set(ids(['shop_front']))));
  });

  it('leaves what is stopped alone unless it is named', async () => {
    await deploy(tied());
    await shopRuns();
    await unary((done) => manager.client.serviceStop({ references: ['shop_back'] }, done));
    expect((await restart(['shop_store'], true)).restarted).toHaveLength(1);
    await waitFor(() => expect(stopped()).toEqual(['shop_back']));
    await restart(['shop_back']);
    await waitFor(() => expect(stopped()).toEqual([]));
    await shopRuns();
  });
});

describe('what a service depends on', () => {
  const start = (notAwaited: string[]) =>
    unary((done) => manager.client.serviceStart({ references: ['shop_front'], notAwaited }, done));
  const deployAlone = (stack: StackSpec) =>
    unary((done) => manager.client.stackDeploy({ stack, prune: false, dryRun: false, leaveOutOthers: true }, done));

  it('is not left out while a manager would lose that it is', async () => {
    await deploy(shop());
    await manager.store.update((tx) => {
      const [cluster] = tx.find('cluster', { by: 'all' });
      if (cluster !== undefined) tx.update('cluster', { ...cluster, stateFormat: FORMAT_OF_STOPPED_SERVICES - 1 });
    });
    const stack = shop();
    const front = {
      ...stack,
      services: stack.services.filter(({ annotations }) => annotations?.name === 'shop_front'),
    };
    await expect(start(['shop_back'])).rejects.toMatchObject({ code: 'WRONG_STATE' });
    await expect(deployAlone(front)).rejects.toMatchObject({ code: 'WRONG_STATE' });
    await start([]);
  });
});

/** Back restarts with store; front doesn't with back. */
function tied(): StackSpec {
  const stack = shop();
  const services = stack.services.map((service) => {
    if (service.annotations?.name !== 'shop_back') return service;
    return { ...service, dependencies: service.dependencies.map((dependency) => ({ ...dependency, restart: true })) };
  });
  return { ...stack, services };
}
