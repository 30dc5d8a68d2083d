/** `environment` of a service: what it says itself, and what its files say. */
import type { ServiceContext } from './context.ts';
import type { ModelCursor } from './model-cursor.ts';
import { checkTemplate } from './templates.ts';

/** KEY=VALUE. A key without a value that the shell has none for, either, isn't there. */
export function convertEnvironment(cursor: ModelCursor, { service }: ServiceContext): string[] {
  return cursor.valuesByKey().flatMap(([key, variable]): string[] => {
    if (variable.value === null) return [];
    const value = variable.text();
    // Of a variable that a file sets, the place is where the file is named.
    const place = variable.written === undefined ? cursor.placeAt('services', service, 'env_file') : variable;
    place.attempt(() => checkTemplate(place, value, `variable ${key}`));
    return [`${key}=${value}`];
  });
}
