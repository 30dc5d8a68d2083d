/** `depends_on:` of all services: what each waits for, and that nobody waits for itself. */
import { DependencyCondition } from '../../proto/generated/gantry/v1/types.ts';
import { DEPENDENCY_KEYS } from './keys.ts';
import type { Cursor } from './syntax/cursor.ts';

export interface DependsOn {
  /** Name in the compose file. */
  readonly service: string;
  readonly condition: DependencyCondition;
  readonly cursor: Cursor;
}

const CONDITIONS = {
  service_started: DependencyCondition.STARTED,
  service_healthy: DependencyCondition.HEALTHY,
  service_completed_successfully: DependencyCondition.COMPLETED,
} as const;

export function readDependsOn(cursor: Cursor, services: ReadonlySet<string>): DependsOn[] {
  const found = cursor.tree.kind === 'sequence' ? cursor.items(readShort) : readLong(cursor, services);
  return found.filter((dependency) => {
    if (services.has(dependency.service)) return true;
    dependency.cursor.report(`service "${dependency.service}" is not defined`, 'define it under services');
    return false;
  });
}

function readShort(item: Cursor): DependsOn {
  return { service: item.string(), condition: DependencyCondition.STARTED, cursor: item };
}

function readLong(cursor: Cursor, services: ReadonlySet<string>): DependsOn[] {
  const dependencies: DependsOn[] = [];
  for (const [service, value] of cursor.entries()) {
    value.checkKeys(DEPENDENCY_KEYS);
    const required = value.field('required', (child) => child.boolean()) ?? true;
    if (value.field('restart', (child) => child.boolean()) === true) {
      value.child('restart')?.report('"restart: true" is not supported yet', 'remove it');
    }
    const word = value.field('condition', (child) =>
      child.oneOf(Object.keys(CONDITIONS) as (keyof typeof CONDITIONS)[]),
    );
    if (!required && !services.has(service)) continue;
    dependencies.push({ service, condition: CONDITIONS[word ?? 'service_started'], cursor: value });
  }
  return dependencies;
}

/** Reports one problem for each circle. */
export function checkCycles(graph: ReadonlyMap<string, readonly DependsOn[]>): void {
  const done = new Set<string>();
  const visit = (service: string, path: readonly string[]): void => {
    if (done.has(service)) return;
    for (const dependency of graph.get(service) ?? []) {
      const start = [...path, service].indexOf(dependency.service);
      if (start >= 0) {
        const circle = [...path, service].slice(start).concat(dependency.service).join(' → ');
        dependency.cursor.report(`services depend on each other in a circle: ${circle}`, 'remove one of these');
      } else visit(dependency.service, [...path, service]);
    }
    done.add(service);
  };
  for (const service of graph.keys()) visit(service, []);
}
