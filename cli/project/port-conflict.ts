/** Where in the compose file a port is that something else has already. */
import type { LoadedStack } from '../compose/load-stack.ts';
import { CliError, isGantryError } from '../failure.ts';

/** What a deploy failed with: of a port that is taken, with its place in the files; all else as it is. */
export function withPlaceOfPort(loaded: LoadedStack, error: unknown): unknown {
  if (!isGantryError(error) || error.code !== 'PORT_IN_USE') return error;
  const place = locatePortConflict(loaded, error.message);
  return place === '' ? error : new CliError(`${place}${error.message}`, { hint: error.hint });
}

/** "stack.yml:12:5: services.web.ports: " for the port the manager's message names; "" when it can't be told. */
function locatePortConflict(loaded: LoadedStack, message: string): string {
  const numbers = new Set([...message.matchAll(/\b\d{1,5}\b/g)].map(([digits]) => Number(digits)));
  for (const { name, fullName } of loaded.services) {
    const spec = loaded.spec.services.find(({ annotations }) => annotations?.name === fullName);
    const index = spec?.ports.findIndex(({ publishedPort }) => publishedPort !== 0 && numbers.has(publishedPort)) ?? -1;
    if (index === -1) continue;
    const { file, line, column } = loaded.locate('services', name, 'ports', String(index));
    return `${file}:${line}:${column}: services.${name}.ports: `;
  }
  return '';
}
