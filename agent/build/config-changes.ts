/** Instructions that change an image's config and nothing else; also what `import --change` takes. Pure. */
import { constants } from 'node:os';
import { posix } from 'node:path';
import { GantryError } from '../../proto/errors.ts';
import type { ImageConfig } from '../../proto/generated/gantry/v1/engine.ts';
import type { Healthcheck } from '../../proto/generated/gantry/v1/types.ts';
import { DEFAULT_PATH } from '../container/spec/env.ts';
import { type Instruction, parseDockerfile, parseExecForm } from './dockerfile.ts';
import { parseDurationMs } from './duration.ts';
import { instructionError, withPlace } from './instruction-error.ts';
import type { Keyword } from './instruction-flags.ts';
import { type Expander, expandWord, expandWords, splitPair, splitWords } from './words.ts';

export interface ConfigState {
  readonly config: ImageConfig;
  /** A CMD has been seen since FROM: an ENTRYPOINT then keeps it. */
  readonly hasOwnCommand: boolean;
}

type Change = (state: ConfigState, instruction: Instruction, expander: Expander) => ConfigState;

const CHANGES: Partial<Record<Keyword, Change>> = {
  CMD: (state, instruction) => ({
    config: { ...state.config, command: commandOf(instruction, state.config) },
    hasOwnCommand: true,
  }),
  ENTRYPOINT: (state, instruction) => ({
    ...state,
    config: {
      ...state.config,
      entrypoint: commandOf(instruction, state.config),
      command: state.hasOwnCommand ? state.config.command : [],
    },
  }),
  ENV: change((config, instruction, expander) => {
    let { env } = config;
    for (const { name, value } of pairs(instruction, expander)) env = withVariable(env, name, value);
    return { ...config, env };
  }),
  EXPOSE: change((config, { text }, expander) => {
    const ports = expandWords(text, expander).flatMap(expandPorts);
    return { ...config, exposedPorts: [...new Set([...config.exposedPorts, ...ports])] };
  }),
  HEALTHCHECK: change((config, instruction) => ({ ...config, healthcheck: healthcheck(instruction) })),
  LABEL: change((config, instruction, expander) => {
    const labels = pairs(instruction, expander).map(({ name, value }) => [name, value] as const);
    return { ...config, labels: { ...config.labels, ...Object.fromEntries(labels) } };
  }),
  SHELL: change((config, { text }) => {
    const shell = parseExecForm(text);
    if (shell === undefined || shell.length === 0)
      throw invalid('SHELL requires a JSON array: SHELL ["/bin/sh", "-c"]');
    return { ...config, shell };
  }),
  STOPSIGNAL: change((config, { text }, expander) => ({
    ...config,
    stopSignal: stopSignal(expandWord(text, expander)),
  })),
  USER: change((config, { text }, expander) => ({ ...config, user: expandWord(text, expander) })),
  VOLUME: change((config, { text }, expander) => {
    const paths = parseExecForm(text) ?? text.split(/\s+/);
    const expanded = paths.map((path) => expandWord(path, expander));
    if (expanded.some((path) => path.trim() === '')) throw invalid('VOLUME with an empty path');
    return { ...config, volumes: [...new Set([...config.volumes, ...expanded])] };
  }),
  WORKDIR: change((config, { text }, expander) => ({
    ...config,
    dir: workingDirectory(config.dir, expandWord(text, expander)),
  })),
};

/** Undefined for instructions that do more than change the config. Throws as {@link instructionError}. */
export function changeConfig(
  state: ConfigState,
  instruction: Instruction,
  expander: Expander,
): ConfigState | undefined {
  const apply = CHANGES[instruction.keyword];
  if (apply === undefined) return undefined;
  return withPlace(instruction, () => apply(state, instruction, expander));
}

/** The config after `--change` instructions: those of a Dockerfile that concern the config alone. */
export function applyChanges(config: ImageConfig, changes: readonly string[]): ImageConfig {
  const { instructions, escapeChar } = parseDockerfile(changes.join('\n'), 'change');
  let state: ConfigState = { config, hasOwnCommand: false };
  for (const instruction of instructions) {
    const next = changeConfig(state, instruction, { variables: environmentOf(state.config), escapeChar });
    if (next === undefined) throw instructionError(instruction, `${instruction.keyword} is not a change of the config`);
    state = next;
  }
  return state.config;
}

/** Variables of an image's environment. */
export function environmentOf({ env }: ImageConfig): (name: string) => string | undefined {
  return (name) => env.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** Docker's: an image says where programs are, so that `ENV PATH=/opt/bin:$PATH` means what it says. */
export function withSearchPath(config: ImageConfig): ImageConfig {
  if (config.env.some((entry) => entry.startsWith('PATH='))) return config;
  return { ...config, env: [...config.env, `PATH=${DEFAULT_PATH}`] };
}

/** The command that an instruction means: in shell form it is given to the image's shell. */
export function commandOf({ text }: Pick<Instruction, 'text'>, config: ImageConfig): string[] {
  return parseExecForm(text) ?? [...shellOf(config), text];
}

export function shellOf({ shell }: ImageConfig): readonly string[] {
  return shell.length === 0 ? ['/bin/sh', '-c'] : shell;
}

/** A relative directory is below the one before. */
export function workingDirectory(current: string, wanted: string): string {
  if (wanted === '') throw invalid('WORKDIR with an empty path');
  return posix.resolve('/', current, wanted);
}

/** NAME=value ...; the old form NAME value takes the rest of the line. */
export function pairs({ text, keyword }: Instruction, expander: Expander): { name: string; value: string }[] {
  const words = splitWords(text, expander.escapeChar);
  const [first = ''] = words;
  if (!first.includes('=')) {
    const rest = text.slice(first.length).trim();
    if (rest === '') throw invalid(`${keyword} ${first} has no value; write ${keyword} ${first}=VALUE`);
    return [{ name: expandWord(first, expander), value: expandWord(rest, expander) }];
  }
  return words.map((word) => {
    const pair = splitPair(word);
    if (pair === undefined)
      throw invalid(`${keyword}: ${JSON.stringify(word)} is not NAME=VALUE; quote values with spaces`);
    const name = expandWord(pair.name, expander);
    if (name === '') throw invalid(`${keyword} with an empty name`);
    return { name, value: expandWord(pair.value, expander) };
  });
}

export function withVariable(env: readonly string[], name: string, value: string): string[] {
  const index = env.findIndex((entry) => entry.startsWith(`${name}=`));
  return index === -1 ? [...env, `${name}=${value}`] : env.with(index, `${name}=${value}`);
}

const MAX_PORT_RANGE = 10_000;

/** "80", "80/udp", "8000-8003": as "PORT/PROTOCOL". */
function expandPorts(text: string): string[] {
  const [, first = '', last, protocol = 'tcp'] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(\w+))?$/.exec(text) ?? [];
  const start = Number(first);
  const end = Number(last ?? first);
  const lower = protocol.toLowerCase();
  const valid = first !== '' && start >= 1 && end <= 65_535 && start <= end && end - start < MAX_PORT_RANGE;
  if (!valid || !['tcp', 'udp', 'sctp'].includes(lower))
    throw invalid(`invalid port ${JSON.stringify(text)}; write PORT[-PORT][/tcp|/udp]`);
  return Array.from({ length: end - start + 1 }, (_, index) => `${start + index}/${lower}`);
}

const REAL_TIME_SIGNAL = /^RT(?:MIN(?:\+(?:\d|1[0-5]))?|MAX(?:-(?:\d|1[0-4]))?)$/;

function stopSignal(text: string): string {
  const name = text.toUpperCase().replace(/^SIG/, '');
  const isName = Object.hasOwn(constants.signals, `SIG${name}`) || REAL_TIME_SIGNAL.test(name);
  if (isName || /^[1-9]\d?$/.test(text)) return text.toUpperCase();
  throw invalid(`invalid signal ${JSON.stringify(text)}`);
}

function healthcheck({ text, flags }: Instruction): Healthcheck {
  const [, kind = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
  const test = healthTest(kind.toUpperCase(), rest);
  const duration = (flag: string) => (flags.has(flag) ? parseDurationMs(flags.get(flag) ?? '') : 0);
  const retries = Number(flags.get('retries') ?? 0);
  if (!Number.isInteger(retries) || retries < 0) throw invalid('--retries is not a whole number');
  return {
    test,
    intervalMs: duration('interval'),
    timeoutMs: duration('timeout'),
    startPeriodMs: duration('start-period'),
    startIntervalMs: duration('start-interval'),
    retries,
  };
}

function healthTest(kind: string, rest: string): string[] {
  if (kind === 'NONE' && rest === '') return ['NONE'];
  if (kind !== 'CMD' || rest === '') throw invalid('HEALTHCHECK is followed by NONE or by CMD and a command');
  const exec = parseExecForm(rest);
  // The image's SHELL is what runs it.
  return exec === undefined ? ['CMD-SHELL', rest] : ['CMD', ...exec];
}

function change(apply: (config: ImageConfig, instruction: Instruction, expander: Expander) => ImageConfig): Change {
  return (state, instruction, expander) => ({ ...state, config: apply(state.config, instruction, expander) });
}

function invalid(message: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', message);
}
