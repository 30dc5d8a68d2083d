/** --ssh of `build`: agents of the user's that RUN --mount=type=ssh may ask for signatures. */
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Writable } from 'node:stream';
import type { SshAgentData } from '../../proto/generated/gantry/v1/engine.ts';
import type { Cli } from '../cli.ts';
import { CliError, EXIT } from '../failure.ts';

/** By id, the socket of an agent that runs, or files of private keys. */
export type SshSource =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'keys'; readonly files: readonly string[] };

/** ID, or ID=PATH[,PATH...]: the running agent, another's socket, or keys. Throws CliErrors. */
export function readSshSources(
  texts: readonly string[],
  { cwd, env }: Pick<Cli, 'cwd' | 'env'>,
): ReadonlyMap<string, SshSource> {
  return new Map(
    texts.map((text): [string, SshSource] => {
      const equals = text.indexOf('=');
      const id = equals === -1 ? text : text.slice(0, equals);
      const paths = equals === -1 ? [] : text.slice(equals + 1).split(',');
      if (id === '' || paths.includes('')) {
        throw refused(`invalid argument "${text}" for --ssh`, 'write default, or ID=PATH of a socket or a private key');
      }
      const files = paths.map((path) => resolve(cwd, path));
      const [first] = files.length === 0 ? [env.SSH_AUTH_SOCK ?? ''] : files;
      if (first === '' || first === undefined) {
        throw refused(`--ssh ${text}: no SSH agent runs`, `start one, or name a key: --ssh ${id}=PATH`);
      }
      if (files.length <= 1 && isSocket(first)) return [id, { kind: 'socket', path: first }];
      if (files.length === 0) throw refused(`--ssh ${text}: SSH_AUTH_SOCK=${first} is no socket`, 'start ssh-agent');
      return [id, { kind: 'keys', files }];
    }),
  );
}

function isSocket(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw refused(`--ssh: there is no ${path}`, 'name a socket or a private key');
  return stats.isSocket();
}

/** Connections of steps to agents. */
export class SshAgents {
  readonly #sockets: ReadonlyMap<string, string>;
  readonly #send: (data: SshAgentData) => void;
  readonly #connections = new Map<number, Socket>();

  /** `sockets` are paths, by id. */
  constructor(sockets: ReadonlyMap<string, string>, send: (data: SshAgentData) => void) {
    this.#sockets = sockets;
    this.#send = send;
  }

  receive({ connection, id, data }: SshAgentData): void {
    const known = this.#connections.get(connection);
    if (data.length === 0) known?.end();
    else (known ?? this.#connect(connection, id)).write(data);
  }

  close(): void {
    for (const socket of this.#connections.values()) socket.destroy();
  }

  #connect(connection: number, id: string): Socket {
    const socket = createConnection({ path: this.#sockets.get(id) ?? '', allowHalfOpen: true });
    this.#connections.set(connection, socket);
    socket.on('data', (data) => this.#send({ connection, id, data }));
    socket.on('end', () => this.#send({ connection, id, data: Buffer.alloc(0) }));
    // Its 'close' follows, which the step sees: its ssh says that no agent answers.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#connections.delete(connection);
      if (!socket.readableEnded) this.#send({ connection, id, data: Buffer.alloc(0) });
    });
    return socket;
  }
}

/** Sockets for all sources while `work` runs: for keys an agent is started that has them. */
export async function withAgentSockets<T>(
  sources: ReadonlyMap<string, SshSource>,
  work: (sockets: ReadonlyMap<string, string>) => Promise<T>,
): Promise<T> {
  if (sources.size === 0) return await work(new Map());
  const directory = await mkdtemp(join(tmpdir(), 'gantry-ssh-'));
  const agents: Writable[] = [];
  try {
    const sockets = new Map<string, string>();
    for (const [id, source] of sources) {
      if (source.kind === 'socket') sockets.set(id, source.path);
      else sockets.set(id, await startAgent(join(directory, String(sockets.size)), source.files, agents));
    }
    return await work(sockets);
  } finally {
    for (const agent of agents) agent.end();
    await rm(directory, { recursive: true, force: true });
  }
}

/** With the keys until its input ends, which it does when this process is killed, too. */
const AGENT_SCRIPT = 'ssh-add -q "$@" && echo ready && cat; kill "$SSH_AGENT_PID"';

async function startAgent(path: string, files: readonly string[], agents: Writable[]): Promise<string> {
  const env = { ...process.env, SSH_ASKPASS: '' };
  const agent = spawn('ssh-agent', ['-a', path, 'sh', '-c', AGENT_SCRIPT, 'sh', ...files], { env });
  agents.push(agent.stdin);
  let said = '';
  agent.stderr.on('data', (data: Buffer) => {
    said += data.toString();
  });
  try {
    await new Promise<void>((ready, fail) => {
      agent.stdout.once('data', () => ready());
      agent.once('error', fail);
      agent.once('close', () => fail(new Error(said)));
    });
    return path;
  } catch (error) {
    const reason = error instanceof Error ? (error.message.trim().split('\n').at(-1) ?? '') : String(error);
    throw refused(`--ssh: cannot load ${files.join(', ')}: ${reason}`, "keys are loaded with OpenSSH's ssh-agent");
  }
}

function refused(message: string, hint: string): CliError {
  return new CliError(message, { hint, exitCode: EXIT.refused });
}
