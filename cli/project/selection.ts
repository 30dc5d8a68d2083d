/** Which services of the files a verb is about. Pure. */
import type { ServiceSpec } from '../../proto/generated/gantry/v1/types.ts';
import type { LoadedService, LoadedStack } from '../compose/load-stack.ts';
import { reachable } from '../compose/reachable.ts';
import { CliError } from '../failure.ts';

export interface SelectedService extends LoadedService {
  readonly spec: ServiceSpec;
}

/** All services of the files. */
export function fileServices({ spec, services }: LoadedStack): SelectedService[] {
  const specs = new Map(spec.services.map((one) => [one.annotations?.name, one]));
  return services.flatMap((service) => {
    const found = specs.get(service.fullName);
    return found === undefined ? [] : [{ ...service, spec: found }];
  });
}

/** Those that are named, none named: all; and what they depend on, if that is wanted. In the order of the files. */
export function select(
  services: readonly SelectedService[],
  names: readonly string[],
  dependencies: 'with-dependencies' | 'alone',
): SelectedService[] {
  const byFullName = new Map(services.map((service) => [service.fullName, service]));
  const needs = ({ spec }: SelectedService) =>
    spec.dependencies.flatMap(({ service }) => byFullName.get(service) ?? []);
  const named = names.map((name) => serviceNamed(services, name));
  const chosen = reachable(named, dependencies === 'alone' ? () => [] : needs);
  return names.length === 0 ? [...services] : services.filter((service) => chosen.has(service));
}

export function serviceNamed(services: readonly SelectedService[], name: string): SelectedService {
  const found = services.find((service) => service.name === name);
  if (found !== undefined) return found;
  throw new CliError(`no such service: ${name}`, {
    hint: `the files have ${services.map((service) => service.name).join(', ')}`,
  });
}

/** The spec with so many replicas. */
export function withScale({ name, spec }: SelectedService, replicas: number): ServiceSpec {
  if (spec.mode?.$case === 'replicated') return { ...spec, mode: { $case: 'replicated', value: { replicas } } };
  throw new CliError(`service ${name} can't be scaled: it is global, or a job`, { hint: 'leave it out of --scale' });
}
