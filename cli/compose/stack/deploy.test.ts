import { describe, expect, it } from 'vitest';
import {
  EndpointMode,
  FailureAction,
  IngressScope,
  PlacementStrategy,
  RestartCondition,
  UpdateOrder,
} from '../../../proto/generated/gantry/v1/types.ts';
import { loadWeb } from './load.testing.ts';

describe('deploy, and what is beside it', () => {
  it('has an endpoint mode, and says where its published ports lead', () => {
    expect(loadWeb('').spec).toMatchObject({ endpointMode: EndpointMode.VIP, ingressScope: IngressScope.CLUSTER });
    const { spec } = loadWeb('deploy: {endpoint_mode: dnsrr}\nx-gantry: {ingress: local}');
    expect(spec).toMatchObject({ endpointMode: EndpointMode.DNSRR, ingressScope: IngressScope.LOCAL });
  });

  it('has a placement from deploy and from x-gantry', () => {
    const { spec } = loadWeb(
      'x-gantry: {strategy: binpack}\ndeploy:\n  placement:\n    constraints: ["node.role == worker", node.labels.disk!=hdd]\n    preferences: [{spread: node.labels.zone}, {spread: engine.labels.rack}]\n    max_replicas_per_node: 2',
    );
    expect(spec.placement).toEqual({
      constraints: ['node.role==worker', 'node.labels.disk!=hdd'],
      spread: ['node.labels.zone', 'engine.labels.rack'],
      maxReplicasPerNode: 2,
      strategy: PlacementStrategy.BINPACK,
      platforms: [],
      imagePlatforms: [],
    });
    expect(loadWeb('x-gantry: {strategy: spread}').spec.placement?.strategy).toBe(PlacementStrategy.SPREAD);
    expect(loadWeb('deploy: {placement: {constraints: [], max_replicas_per_node: 0}}').spec.placement).toBeUndefined();
  });

  it('is for the nodes of its platform', () => {
    const { spec } = loadWeb('platform: linux/arm64/v8\ndeploy: {placement: {max_replicas_per_node: 1}}');
    const platforms = [{ os: 'linux', architecture: 'arm64' }];
    expect(spec.placement).toMatchObject({ maxReplicasPerNode: 1, platforms });
  });

  it('has an update config from deploy', () => {
    const update = (text: string) => loadWeb(`deploy: {update_config: ${text}}`).spec.update;
    const bare = { delayMs: 0, order: UpdateOrder.STOP_FIRST, failureAction: FailureAction.PAUSE, maxFailureRatio: 0 };
    expect(update('{parallelism: 2, delay: 1m30s}')).toEqual({ ...bare, parallelism: 2, delayMs: 90_000 });
    expect(update('{parallelism: 0}')).toEqual({ ...bare, parallelism: 0 });
    expect(update('{delay: 5s}')).toEqual({ ...bare, parallelism: 1, delayMs: 5000 });
    expect(update('{parallelism: 1, order: stop-first, failure_action: pause}')).toBeUndefined();
    expect(update('{order: start-first, failure_action: rollback, monitor: 10s, max_failure_ratio: 0.25}')).toEqual({
      parallelism: 1,
      delayMs: 0,
      order: UpdateOrder.START_FIRST,
      failureAction: FailureAction.ROLLBACK,
      monitorMs: 10_000,
      maxFailureRatio: 0.25,
    });
  });

  it('is a job from deploy', () => {
    const job = loadWeb('deploy: {mode: replicated-job, replicas: 5}');
    expect(job.spec.mode).toEqual({ $case: 'replicatedJob', value: { totalCompletions: 5, maxConcurrent: 5 } });
    expect(job.task.restart?.condition).toBe(RestartCondition.ON_FAILURE);
    const global = loadWeb('deploy: {mode: global-job, restart_policy: {condition: none}}');
    expect(global.spec.mode).toEqual({ $case: 'globalJob', value: {} });
    expect(global.task.restart?.condition).toBe(RestartCondition.NONE);
  });

  it('has a rollback config from deploy', () => {
    const { spec } = loadWeb('deploy: {rollback_config: {parallelism: 0, failure_action: continue}}');
    expect(spec.rollback).toMatchObject({ parallelism: 0, failureAction: FailureAction.CONTINUE });
    expect(spec.update).toBeUndefined();
  });

  it('has resources, restart policy and mode from deploy', () => {
    const { spec, task } = loadWeb(
      'deploy:\n  mode: global\n  labels: {a: b}\n  resources:\n    limits: {cpus: "0.5", memory: 64M, pids: 20}\n    reservations: {memory: 32m}\n  restart_policy: {condition: on-failure, delay: 5s, max_attempts: 3, window: 1m}',
    );
    expect(spec.mode).toEqual({ $case: 'global', value: {} });
    expect(spec.annotations?.labels).toMatchObject({ a: 'b' });
    expect(task.resources?.limits).toEqual({ nanoCpus: 5e8, memoryBytes: 64 * 2 ** 20, pids: 20 });
    expect(task.resources?.reservations).toEqual({ nanoCpus: 0, memoryBytes: 32 * 2 ** 20, pids: 0 });
    expect(task.restart).toEqual({
      condition: RestartCondition.ON_FAILURE,
      delayMs: 5000,
      maxAttempts: 3,
      windowMs: 60000,
    });
  });

  it('reserves generic resources', () => {
    const spec = (kind: string, value: number) => `{discrete_resource_spec: {kind: ${kind}, value: ${value}}}`;
    const list = `[${spec('NVIDIA-GPU', 1)}, ${spec('ssd', 1)}, ${spec('ssd', 2)}]`;
    const { task } = loadWeb(`deploy: {resources: {reservations: {generic_resources: ${list}}}}`);
    expect(task.resources?.genericReservations).toEqual([
      { kind: 'NVIDIA-GPU', count: 1 },
      { kind: 'ssd', count: 2 },
    ]);
  });
});
