import { describe, expect, it } from 'vitest';
import { ChangeKind, StackSpec } from '../../proto/generated/gantry/v1/control.ts';
import { PortConfig, PublishMode, type ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import { type ServiceOptions, serviceSpec } from '../objects.testing.ts';
import type { PlanStep } from './plan-step.ts';
import { existingAfter, NOTHING, plan, stack } from './stack-plan.testing.ts';
import { validateStack } from './stack-validation.ts';

const NAMES = {
  [ChangeKind.UNCHANGED]: 'unchanged',
  [ChangeKind.CREATE]: 'create',
  [ChangeKind.UPDATE]: 'update',
  [ChangeKind.REMOVE]: 'remove',
};
const summary = (steps: readonly PlanStep[]) =>
  steps.map((step) => `${NAMES[step.change as keyof typeof NAMES]} ${step.kind} ${step.object.spec.annotations.name}`);

const net = { annotations: { name: 's_net', labels: {} }, driver: 'bridge' };
const conf = (text: string) => ({ annotations: { name: 's_conf', labels: {} }, data: Buffer.from(text) });
const web = (options: ServiceOptions = {}) =>
  serviceSpec('s_web', { networks: ['s_net'], configs: ['s_conf'], ...options });
const whole = (options: ServiceOptions = {}, text = 'one') =>
  stack([web(options)], { networks: [net], configs: [conf(text)] });
const serviceIn = (steps: readonly PlanStep[]) => steps.find((step) => step.kind === 'service')?.object;

const configOf = (steps: readonly PlanStep[]) => serviceIn(steps)?.spec.task.container.configs[0]?.id;

describe('planStack', () => {
  it('creates everything, with references as ids and labels of the stack', () => {
    const steps = plan(NOTHING, whole());
    expect(summary(steps)).toEqual(['create network s_net', 'create config s_conf', 'create service s_web']);
    expect(serviceIn(steps)).toMatchObject({
      spec: {
        annotations: { labels: { 'com.docker.stack.namespace': 's' } },
        task: { networks: [{ target: 'id1' }], container: { configs: [{ id: 'id2', name: 's_conf' }] } },
      },
      specVersion: 1,
      dependenciesMet: true,
      notAwaited: [],
    });
  });

  it('changes nothing for the same spec, however its labels are ordered', () => {
    const labelled = (labels: Record<string, string>) => {
      const spec = web();
      return stack([{ ...spec, annotations: { name: 's_web', labels } }], { networks: [net], configs: [conf('one')] });
    };
    const first = existingAfter(plan(NOTHING, labelled({ a: '1', b: '2' })));
    const steps = plan(first, labelled({ b: '2', a: '1' }));
    expect(new Set(steps.map((step) => step.change))).toEqual(new Set([ChangeKind.UNCHANGED]));
  });

  it('raises the spec version when tasks must be made anew, and only then', () => {
    const first = existingAfter(plan(NOTHING, whole()));
    const version = (spec: StackSpec) => {
      const service = serviceIn(plan(first, spec));
      return service !== undefined && 'specVersion' in service ? service.specVersion : 0;
    };
    expect(version(whole({ replicas: 5 }))).toBe(1);
    expect(version(whole({ ports: [{ targetPort: 80, publishedPort: 80 }] }))).toBe(1);
    expect(version(whole({ ports: [{ targetPort: 80, publishedPort: 80, mode: PublishMode.HOST }] }))).toBe(2);
    expect(version(whole({ image: 'other' }))).toBe(2);
    expect(version(whole({}, 'two'))).toBe(2);
  });

  it('makes a new config for other content, and lets go of the old one', () => {
    const steps = plan(existingAfter(plan(NOTHING, whole())), whole({}, 'two'));
    expect(summary(steps)).toEqual(['unchanged network s_net', 'update config s_conf', 'update service s_web']);
    expect(steps[1]).toMatchObject({
      object: { id: 'id4', spec: { data: Buffer.from('two') }, pendingDelete: false },
      replaces: { id: 'id2', spec: { data: Buffer.from('one') }, pendingDelete: true },
    });
    expect(configOf(steps)).toBe('id4');
  });

  it('changes only the services that use the config', () => {
    const both = (text: string) => stack([web(), serviceSpec('s_other')], { networks: [net], configs: [conf(text)] });
    const steps = plan(existingAfter(plan(NOTHING, both('one'))), both('two'));
    expect(summary(steps)).toEqual([
      'unchanged network s_net',
      'update config s_conf',
      'update service s_web',
      'unchanged service s_other',
    ]);
  });

  it('takes up the config of before again while something uses it', () => {
    const first = existingAfter(plan(NOTHING, whole()));
    const second = existingAfter(plan(first, whole({}, 'two')));
    const steps = plan(second, whole());
    expect(steps[1]).toMatchObject({ object: { id: 'id2', pendingDelete: false }, replaces: { id: 'id4' } });
    expect(configOf(steps)).toBe('id2');
    const other = plan({ ...second, configs: second.configs.filter(({ id }) => id !== 'id2') }, whole());
    expect(configOf(other)).not.toBe('id2');
  });

  it('never takes up the config of another stack', () => {
    const second = existingAfter(plan(existingAfter(plan(NOTHING, whole())), whole({}, 'two')));
    const foreign = second.configs.map((config) => {
      const { name } = config.spec.annotations;
      return config.id === 'id2' ? { ...config, spec: { ...config.spec, annotations: { name, labels: {} } } } : config;
    });
    expect(configOf(plan({ ...second, configs: foreign }, whole()))).not.toBe('id2');
  });

  it('makes a new config where a template becomes plain text, and none where only labels change', () => {
    const variant = (rest: object) => stack([web()], { networks: [net], configs: [{ ...conf('one'), ...rest }] });
    const first = existingAfter(plan(NOTHING, whole()));
    expect(configOf(plan(first, variant({ templateDriver: 'golang' })))).not.toBe('id2');
    const labelled = plan(first, variant({ annotations: { name: 's_conf', labels: { a: 'b' } } }));
    expect(summary(labelled)).toContain('update config s_conf');
    expect(summary(labelled)).toContain('unchanged service s_web');
    expect(configOf(labelled)).toBe('id2');
  });

  it('removes what the spec no longer has only when pruning, and its ports are free at once', () => {
    const first = existingAfter(plan(NOTHING, whole({ ports: [{ targetPort: 80, publishedPort: 80 }] })));
    const next = stack([serviceSpec('s_new', { ports: [{ targetPort: 80, publishedPort: 80 }] })]);
    expect(() => plan(first, next)).toThrow('port 80/tcp is already published by service s_web');
    expect(summary(plan(first, next, true))).toEqual([
      'create service s_new',
      'remove service s_web',
      'remove network s_net',
      'remove config s_conf',
    ]);
  });

  it('never chooses a port that the stack asks for by number', () => {
    const some = stack([
      serviceSpec('s_a', { ports: [{ targetPort: 80 }] }),
      serviceSpec('s_b', { ports: [{ targetPort: 80, publishedPort: 30000 }] }),
    ]);
    const ports = plan(NOTHING, some).flatMap((step) => (step.kind === 'service' ? step.object.ports : []));
    expect(ports.map((port) => port.publishedPort)).toEqual([30001, 30000]);
  });

  it("uses networks of others, but doesn't take their names", () => {
    const theirs = existingAfter(plan(NOTHING, whole()));
    const external = validateStack(
      StackSpec.fromPartial({ name: 'other', services: [serviceSpec('other_web', { networks: ['s_net', 'bridge'] })] }),
    );
    expect(serviceIn(plan(theirs, external))).toMatchObject({
      spec: { task: { networks: [{ target: 'id1' }, { target: 'bridge' }] } },
    });
    const thief = validateStack(StackSpec.fromPartial({ name: 'other', networks: [net] }));
    expect(() => plan(theirs, thief)).toThrow('network s_net already exists and belongs to stack s');
  });

  it('rolls what restarts with a service that rolls, and what restarts with that', () => {
    const on = (name: string, service: string, restart = true) =>
      serviceSpec(name, { dependencies: [{ service, restart }] });
    const of = (image: string) =>
      stack([on('s_top', 's_mid'), on('s_mid', 's_db'), on('s_other', 's_db', false), serviceSpec('s_db', { image })]);
    const first = existingAfter(plan(NOTHING, of('v1')));
    expect(summary(plan(first, of('v1'))).map((line) => line.split(' ')[0])).toEqual(Array(4).fill('unchanged'));
    const steps = plan(first, of('v2'));
    expect(summary(steps)).toEqual([
      'update service s_top',
      'update service s_mid',
      'unchanged service s_other',
      'update service s_db',
    ]);
    const second = existingAfter(steps);
    expect(second.services.map(({ specVersion }) => specVersion)).toEqual([2, 2, 1, 2]);
    expect(summary(plan(second, of('v2'))).map((line) => line.split(' ')[0])).toEqual(Array(4).fill('unchanged'));
  });

  it('leaves a service that was rolled anew by force as it is, unless it is to be once more', () => {
    const first = existingAfter(plan(NOTHING, stack([serviceSpec('s_db')])));
    const forced = first.services.map((service) => ({
      ...service,
      spec: { ...service.spec, task: { ...service.spec.task, forceUpdate: 3 } },
    }));
    const deployed = (forceUpdate: number) => {
      const spec = serviceSpec('s_db');
      return stack([{ ...spec, task: { ...spec.task, forceUpdate } } as ServiceSpec]);
    };
    const summaryOf = (forceUpdate: number) => summary(plan({ ...first, services: forced }, deployed(forceUpdate)));
    expect([0, 3, 4].map(summaryOf)).toEqual([
      ['unchanged service s_db'],
      ['unchanged service s_db'],
      ['update service s_db'],
    ]);
  });

  it('refuses a container name that another service has', () => {
    const named = (name: string) => {
      const spec = serviceSpec(name);
      return {
        ...spec,
        task: { ...spec.task, container: { ...spec.task?.container, containerName: 'front' } },
      } as ServiceSpec;
    };
    const first = existingAfter(plan(NOTHING, stack([named('s_a')])));
    expect(() => plan(first, stack([named('s_b')]))).toThrow('service s_b: container name front is service s_a');
    expect(summary(plan(first, stack([named('s_b')]), true))).toEqual(['create service s_b', 'remove service s_a']);
  });

  it('refuses a published port that nobody could reach', () => {
    const inner = { ...net, annotations: { name: 's_inner', labels: {} }, internal: true };
    const rest = { networks: [net, inner], configs: [conf('one')] };
    const ports = [PortConfig.fromPartial({ targetPort: 80, publishedPort: 8080 })];
    expect(() => plan(NOTHING, stack([web({ networks: ['s_inner'], ports })], rest))).toThrow(
      'service s_web publishes ports, but its networks are all internal',
    );
    plan(NOTHING, stack([web({ networks: ['s_inner', 's_net'], ports })], rest));
  });

  it("refuses what can't be changed in place", () => {
    const first = existingAfter(plan(NOTHING, whole()));
    expect(() => plan(first, whole({ global: true }))).toThrow("can't change its mode");
    const internal = stack([web()], { networks: [{ ...net, internal: true }], configs: [conf('one')] });
    expect(() => plan(first, internal)).toThrow("network s_net exists and can't be changed in place");
  });
});

describe('validateStack', () => {
  const refused = (spec: Parameters<typeof StackSpec.fromPartial>[0]) => () =>
    validateStack(StackSpec.fromPartial(spec));

  it('refuses names that are none, and doubles', () => {
    expect(refused({ name: '' })).toThrow('invalid stack name ""');
    expect(refused({ name: 's', services: [serviceSpec('a b')] })).toThrow('invalid service name "a b"');
    expect(refused({ name: 's', networks: [net, net] })).toThrow('network s_net is defined twice');
  });

  it('refuses a port that two services publish', () => {
    const services = ['s_a', 's_b'].map((name) => serviceSpec(name, { ports: [{ targetPort: 1, publishedPort: 80 }] }));
    expect(refused({ name: 's', services })).toThrow('port 80/tcp is published by both s_a and s_b');
  });

  it('refuses a number of replicas that is none', () => {
    expect(refused({ name: 's', services: [serviceSpec('s_a', { replicas: 1e9 })] })).toThrow('at most 100000');
  });

  it('names the services of a circle', () => {
    const needs = (name: string, other: string) =>
      serviceSpec(name, { dependencies: [{ service: other, condition: 0 }] });
    const services = [needs('a', 'b'), needs('b', 'c'), needs('c', 'b')];
    expect(refused({ name: 's', services })).toThrow('services depend on each other in a circle: b → c → b');
  });
});
