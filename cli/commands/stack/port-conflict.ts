/** Where in the compose file a port is that something else has already. */
import type { LoadedStack } from '../../compose/load-stack.ts';

/** "stack.yml:12:5: services.web.ports: " for the port the manager's message names; "" when it can't be told. */
export function locatePortConflict(loaded: LoadedStack, message: string): string {
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
