/** What the benchmark deploys: a stack with one service, with a network of its own or with none. */
import { StackSpec } from '../../../proto/generated/gantry/v1/control.ts';

export type StackKind = 'without networks' | 'with a network each';

const STACK = 'com.docker.stack.namespace';

export function benchStack(number: number, replicas: number, kind: StackKind): StackSpec {
  const name = `stack${number}`;
  const labels = { [STACK]: name };
  const network = `${name}_default`;
  const isNetworked = kind === 'with a network each';
  const service = {
    annotations: { name: serviceIn(number), labels },
    task: {
      container: { image: 'web:1', env: ['LOG_LEVEL=info'] },
      networks: isNetworked ? [{ target: network, aliases: ['web'] }] : [],
    },
    mode: { $case: 'replicated' as const, value: { replicas } },
  };
  const networks = [{ annotations: { name: network, labels }, driver: 'overlay', subnet: subnetOf(number) }];
  return StackSpec.fromPartial({ name, services: [service], networks: isNetworked ? networks : [] });
}

export function serviceIn(number: number): string {
  return `stack${number}_web`;
}

/** With room for a block on each node that gets a task: the first stack's are on all of them once it is scaled. */
function subnetOf(number: number): string {
  return number === 0 ? '172.16.0.0/12' : `10.${number >> 1}.${(number & 1) * 128}.0/17`;
}
