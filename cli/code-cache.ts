/**
 * Loads the program with the bytecode of an earlier run of the same command, which saves a third
 * of the time that a short command takes. Node's own compile cache (module.enableCompileCache) keeps only what V8
 * compiles before the code runs; most of gRPC is compiled while it runs.
 *
 * V8 checks version, flags and length of the source itself and compiles anew what doesn't fit. The cache is per user
 * and per build; a file that another user could have written isn't taken: it is code.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { verbFirst } from './commands/compose-words.ts';
import { parseGlobalOptions } from './global-options.ts';
import type * as Main from './main.ts';

interface LoadedMain {
  readonly main: typeof Main.main;
  /** Keeps what has been compiled by now for the next run. */
  readonly keepCode: () => void;
}

/**
 * Made by the build beside the entry, as one CommonJS script in a function of (exports, require, module): V8 gives
 * bytecode of scripts, not of module graphs.
 */
const DIRECTORY = dirname(process.argv[1] ?? '');
const MAIN_BUNDLE = join(DIRECTORY, 'gantry-main.cjs');
const HELP_BUNDLE = join(DIRECTORY, 'gantry-help.cjs');

export async function loadMain(argv: readonly string[]): Promise<LoadedMain> {
  const bundlePath = asksForHelp(argv) ? HELP_BUNDLE : MAIN_BUNDLE;
  if (!existsSync(bundlePath)) return { main: (await import('./main.ts')).main, keepCode: () => undefined };
  const file = cacheFile(argv);
  const cachedData = file === undefined ? undefined : readOwnFile(file);
  const script = new Script(readFileSync(bundlePath, 'latin1'), {
    filename: bundlePath,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const bundle = { exports: {} as typeof Main };
  script.runInThisContext()(bundle.exports, requireLazily(createRequire(bundlePath)), bundle);
  const known = cachedData !== undefined && script.cachedDataRejected !== true;
  return {
    main: bundle.exports.main,
    keepCode: () => {
      if (!known && file !== undefined) keep(file, script.createCachedData());
    },
  };
}

/** Of Node's own modules those that few commands use, though all load them: 2 ms, and as much as the rest of the help for crypto. */
const RARELY_USED = new Set(['zlib', 'dns', 'node:child_process', 'node:crypto']);

/** Loads these when something of theirs is first read. */
function requireLazily(require: NodeJS.Require): (name: string) => unknown {
  return (name) => {
    if (!RARELY_USED.has(name)) return require(name);
    return new Proxy({}, { get: (_, property) => Reflect.get(require(name), property) });
  };
}

/** One per command, since each uses other parts; undefined when the command line doesn't name one. */
function cacheFile(argv: readonly string[]): string | undefined {
  const command = commandName(argv);
  if (command === undefined) return undefined;
  const { mtimeMs, size } = statSync(MAIN_BUNDLE);
  const base = process.env.XDG_CACHE_HOME;
  const root = join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'gantry', 'code');
  return join(root, `${process.version}-${process.arch}-${Math.trunc(mtimeMs).toString(36)}-${size}`, command);
}

const NOUNS =
  /^(stack|compose|service|container|image|builder|buildx|network|volume|secret|config|cluster|swarm|node|client|context|system)$/;

/** "ps", "stack-deploy", "help", "stack" of its help; undefined for a wrong command line. */
export function commandName(argv: readonly string[]): string | undefined {
  try {
    const { action, rest } = parseGlobalOptions(argv);
    if (action !== 'run') return action;
    const inOrder = rest[0] === 'compose' ? ['compose', ...verbFirst(rest.slice(1))] : rest;
    const words = inOrder.slice(0, NOUNS.test(rest[0] ?? '') ? 2 : 1).filter((word) => word !== '--help');
    return words.length > 0 && words.every((word) => /^[a-z]{1,20}$/.test(word)) ? words.join('-') : undefined;
  } catch {
    // The program itself will say what is wrong with it.
    return undefined;
  }
}

/** Of the program, or of a noun: what commands there are. */
export function asksForHelp(argv: readonly string[]): boolean {
  try {
    const { action, rest } = parseGlobalOptions(argv);
    if (action !== 'run') return action === 'help';
    const words = rest.filter((word) => word !== '--help');
    return rest.length <= 2 && words.length === 1 && (words[0] === 'help' || NOUNS.test(words[0] ?? ''));
  } catch {
    return false;
  }
}

/** Undefined when there is none, or when it isn't this user's own. */
function readOwnFile(file: string): Buffer | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return undefined;
  }
  try {
    const { uid, mode } = fstatSync(descriptor);
    const isOwn = uid === process.getuid?.() && (mode & 0o022) === 0;
    return isOwn ? readFileSync(descriptor) : undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** Where nothing can be written, the next run is as slow as this one; that is no reason to fail. */
function keep(file: string, data: Buffer): void {
  const directory = dirname(file);
  const temporary = `${file}.${process.pid}`;
  try {
    if (!existsSync(directory)) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      removeOthers(directory);
    }
    writeFileSync(temporary, data, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, file);
  } catch {
    rmSync(temporary, { force: true });
  }
}

const DAY_MS = 86_400_000;

/** Those of earlier builds; two that are used in turn keep theirs. */
function removeOthers(directory: string): void {
  const root = dirname(directory);
  for (const name of readdirSync(root)) {
    const other = join(root, name);
    const usedMs = statSync(other, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (other !== directory && Date.now() - usedMs > DAY_MS) rmSync(other, { recursive: true, force: true });
  }
}
