/** The processes of a container, as the host's `ps` shows them. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { GantryError } from '../../proto/errors.ts';
import type { ContainerEntry } from './container-entry.ts';
import { runtimeRoot } from './container-paths.ts';
import type { ProcessTable } from './containers.ts';
import type { ContainerContext } from './context.ts';

const DEFAULT_ARGUMENTS = ['-ef'];
/** Of all processes of a large host. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** WRONG_STATE when it doesn't run, INVALID_ARGUMENT for arguments that `ps` doesn't take or that leave the PID out. */
export async function processesOf(
  context: ContainerContext,
  entry: ContainerEntry,
  psArguments: readonly string[],
): Promise<ProcessTable> {
  const { name } = entry.record;
  if (entry.run === undefined) throw new GantryError('WRONG_STATE', `container ${name} is not running`);
  const pids = await pidsOf(context, entry);
  const table = parseProcesses(await listProcesses(psArguments, pids));
  const column = table.titles.indexOf('PID');
  if (column === -1) {
    throw new GantryError('INVALID_ARGUMENT', `top of container ${name}: ps shows no PID with these arguments`, {
      hint: 'show that column, too: -o pid,comm',
    });
  }
  return { ...table, processes: table.processes.filter((values) => pids.has(Number(values[column]))) };
}

/** The last column takes what is left of its line. */
export function parseProcesses(output: string): ProcessTable {
  const [heading = '', ...lines] = output.split('\n').filter((line) => line.trim() !== '');
  const titles = heading.trim().split(/\s+/);
  return {
    titles,
    processes: lines.map((line) => {
      const words = line.trim().split(/\s+/);
      return [...words.slice(0, titles.length - 1), words.slice(titles.length - 1).join(' ')];
    }),
  };
}

/** What `ps` shows of these, or of more: not all of its options go with a list. */
async function listProcesses(psArguments: readonly string[], pids: ReadonlySet<number>): Promise<string> {
  const given = psArguments.length === 0 ? DEFAULT_ARGUMENTS : psArguments;
  try {
    return await ps([...given, `-q${[...pids].join(',')}`]);
  } catch (error) {
    if (isMissing(error)) {
      throw new GantryError('HOST', 'the host has no ps', { cause: error, hint: 'install procps there' });
    }
  }
  try {
    return await ps(given);
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n')[0] : '';
    throw new GantryError('INVALID_ARGUMENT', `ps ${given.join(' ')} failed: ${said || String(error)}`, {
      cause: error,
    });
  }
}

async function ps(given: readonly string[]): Promise<string> {
  return (await promisify(execFile)('ps', [...given], { maxBuffer: MAX_OUTPUT_BYTES })).stdout;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function pidsOf({ roots }: ContainerContext, { id, record }: ContainerEntry): Promise<ReadonlySet<number>> {
  try {
    const { stdout } = await promisify(execFile)(roots.runtime, [
      ...['--root', runtimeRoot(roots.execRoot)],
      ...['ps', '--format', 'json', id],
    ]);
    return new Set((JSON.parse(stdout) as number[] | null) ?? []);
  } catch (error) {
    throw new GantryError('HOST', `could not list the processes of container ${record.name}: ${String(error)}`, {
      cause: error,
    });
  }
}
