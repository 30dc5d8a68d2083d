/** A whole manager and a simulated agent, over gRPC, for each test; and a stack of three services. */
import { afterEach, beforeEach, expect, vi } from 'vitest';
import { unary } from '../proto/client.ts';
import { type StackDeployResponse, StackSpec } from '../proto/generated/gantry/v1/control.ts';
import {
  DependencyCondition,
  PortProtocol,
  PublishMode,
  type Task,
  TaskState,
} from '../proto/generated/gantry/v1/types.ts';
import { ManagerHost, type RunningManager } from './manager.testing.ts';
import { serviceSpec } from './objects.testing.ts';
import { SimulatedAgent } from './simulated-agent.testing.ts';

export let host: ManagerHost;
export let manager: RunningManager;
export let agent: SimulatedAgent;

/** Before and after each test of the file that calls it. */
export function useManager(): void {
  beforeEach(async () => {
    host = await ManagerHost.create();
    manager = await host.start();
    agent = new SimulatedAgent(host.socketPath, host.nodeId);
  });
  afterEach(async () => {
    await agent.disconnect();
    await manager.stop();
    await host.remove();
  });
}

/** On the same log. */
export async function startManagerAgain(): Promise<void> {
  manager = await host.start();
}

/** With the tasks that the one before had. */
export function startAgentAgain(): void {
  const successor = new SimulatedAgent(host.socketPath, host.nodeId);
  successor.adopt(agent);
  agent = successor;
}

export const waitFor = <T>(assertion: () => T) => vi.waitFor(assertion, { timeout: 5000, interval: 5 });

export function deploy(
  stack: StackSpec,
  options: { prune?: boolean; dryRun?: boolean } = {},
): Promise<StackDeployResponse> {
  const request = { stack, prune: options.prune ?? false, dryRun: options.dryRun ?? false };
  return unary((done) => manager.client.stackDeploy(request, done));
}

export function scale(replicas: Record<string, number>) {
  return unary((done) => manager.client.serviceScale({ replicas }, done));
}

export function tasks(service?: string): Task[] {
  const all = manager.store.view((read) => read.find('task', { by: 'all' }));
  return all.filter((task) => service === undefined || task.serviceName === service);
}

export function taskIds(): Set<string> {
  return new Set(tasks().map((task) => task.id));
}

export function running(service: string): Task[] {
  return tasks(service).filter(
    (task) => task.status?.state === TaskState.RUNNING && task.desiredState === TaskState.RUNNING,
  );
}

export function port(publishedPort: number) {
  const mode = PublishMode.INGRESS;
  return { protocol: PortProtocol.TCP, targetPort: 80, publishedPort, hostIp: '', mode };
}

/** Front needs a healthy back, back needs a started store. */
export function shop(change: Partial<Parameters<typeof serviceSpec>[1]> = {}): StackSpec {
  return StackSpec.fromPartial({
    name: 'shop',
    networks: [{ annotations: { name: 'shop_default', labels: {} }, driver: 'bridge' }],
    secrets: [{ annotations: { name: 'shop_key', labels: {} }, data: Buffer.from('secret') }],
    configs: [{ annotations: { name: 'shop_page', labels: {} }, data: Buffer.from('config') }],
    services: [
      serviceSpec('shop_front', {
        replicas: 3,
        networks: ['shop_default'],
        ports: [port(8080)],
        configs: ['shop_page'],
        dependencies: [{ service: 'shop_back', condition: DependencyCondition.HEALTHY }],
        ...change,
      }),
      serviceSpec('shop_back', {
        networks: ['shop_default'],
        secrets: ['shop_key'],
        dependencies: [{ service: 'shop_store', condition: DependencyCondition.STARTED }],
      }),
      serviceSpec('shop_store', { networks: ['shop_default'] }),
    ],
  });
}

export async function shopRuns(): Promise<void> {
  await waitFor(() => {
    expect([running('shop_front').length, running('shop_back').length, running('shop_store').length]).toEqual([
      3, 1, 1,
    ]);
  });
}
