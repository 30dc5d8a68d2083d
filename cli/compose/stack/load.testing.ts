/** Stacks from texts, for tests. */
import { GantryError } from '../../../proto/errors.ts';
import { type LoadedStack, loadStack } from '../load-stack.ts';
import type { RestartDefault } from './context.ts';

export interface Surroundings {
  /** By path in the project's directory, /project. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly defaultRestart?: RestartDefault;
}

export function loadText(
  text: string,
  { files = {}, env = {}, defaultRestart = 'any' }: Surroundings = {},
): LoadedStack {
  return loadStack({
    ...{ files: ['stack.yml'], stackName: 'demo', projectDirectory: undefined, envFiles: [], profiles: [] },
    workingDirectory: '/project',
    defaultRestart,
    env: { HOME: '/home/me', ...env },
    readBytes: (path) => {
      const found = { 'stack.yml': text, ...files }[path.replace('/project/', '')];
      return found === undefined ? undefined : Buffer.from(found);
    },
  });
}

/** The lines that it is refused with. */
export function refusals(text: string, surroundings: Surroundings = {}): string[] {
  try {
    loadText(text, surroundings);
  } catch (error) {
    if (error instanceof GantryError) return error.message.split('\n');
    throw error;
  }
  throw new Error('was accepted');
}

/** A service `web` with these lines beside its image, and other sections. */
export function webText(lines: string, rest = ''): string {
  return `services:\n  web:\n    image: app:1\n    ${lines.replaceAll('\n', '\n    ')}\n${rest}`;
}

export function loadWeb(lines: string, rest = '', surroundings: Surroundings = {}) {
  const loaded = loadText(webText(lines, rest), surroundings);
  const spec = loaded.spec.services.find(({ annotations }) => annotations?.name === 'demo_web');
  const service = loaded.services.find(({ name }) => name === 'web');
  if (spec?.task?.container === undefined || service === undefined) throw new Error('no service');
  return { spec, task: spec.task, container: spec.task.container, service, stack: loaded.spec };
}
