/** `depends_on` of a service, and what it depends on without saying so. */
import { type Dependency, DependencyCondition } from '../../../proto/generated/gantry/v1/types.ts';
import { serviceOf } from '../model/normalize.ts';
import type { ServiceContext } from './context.ts';
import type { ModelCursor } from './model-cursor.ts';

const CONDITIONS = {
  service_started: DependencyCondition.STARTED,
  service_healthy: DependencyCondition.HEALTHY,
  service_completed_successfully: DependencyCondition.COMPLETED,
} as const;

const WORDS = Object.keys(CONDITIONS) as (keyof typeof CONDITIONS)[];

export function convertDependencies(cursor: ModelCursor, { model }: ServiceContext): Dependency[] {
  return cursor.entries().flatMap(([other, dependency]): Dependency[] => {
    const read = dependency.attempt(readDependency);
    // One that is missing needn't be there, or was told of when the model was checked.
    if (read === undefined || serviceOf(model, other) === undefined) return [];
    return [{ service: `${model.name}_${other}`, ...read }];
  });
}

function readDependency(cursor: ModelCursor): Omit<Dependency, 'service'> {
  return cursor.object({}, (fields) => {
    const restart = fields.cursor('restart');
    return {
      condition: CONDITIONS[fields.get('condition', (one) => one.oneOf(WORDS)) ?? 'service_started'],
      // Of links it goes without saying: there, names lead to the new tasks anyway.
      restart: restart?.written !== undefined && restart.attempt((one) => one.boolean()) === true,
      optional: fields.get('required', (one) => one.boolean()) === false,
    };
  });
}
