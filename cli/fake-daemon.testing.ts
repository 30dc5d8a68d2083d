/** For tests: a gRPC server on a socket that answers what the test says, and a command line run against it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import type { ReadStream, WriteStream } from 'node:tty';
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { GantryError } from '../proto/errors.ts';
import { ControlService } from '../proto/generated/gantry/v1/control.ts';
import { EngineService } from '../proto/generated/gantry/v1/engine.ts';
import { LocalManagerService } from '../proto/generated/gantry/v1/manager.ts';
import { NodeAgentService } from '../proto/generated/gantry/v1/node.ts';
import { serverStreamMethod, unaryMethod } from '../proto/server.ts';
import { type NodeIdentity, NodeServerCredentials } from '../proto/tls.ts';
import { type Cli, NOT_YET_CHOSEN } from './cli.ts';
import { main } from './main.ts';

export class FakeDaemon {
  readonly host: string;
  readonly #directory = mkdtempSync(join(tmpdir(), 'gantry-cli-'));
  readonly #server = new Server();

  constructor() {
    this.host = `unix://${join(this.#directory, 'gantry.sock')}`;
  }

  /** Methods that the test doesn't give answer with UNSUPPORTED. */
  async start(methods: UntypedServiceImplementation): Promise<void> {
    await this.#listen(methods, this.host.replace('unix://', 'unix:'), ServerCredentials.createInsecure());
  }

  /** As a manager does for clients from afar, on the loopback address. Resolves with its tcp:// host. */
  async startRemote(methods: UntypedServiceImplementation, identity: NodeIdentity, wanted = 0): Promise<string> {
    const port = await this.#listen(methods, `127.0.0.1:${wanted}`, new NodeServerCredentials(identity));
    return `tcp://127.0.0.1:${port}`;
  }

  async #listen(
    methods: UntypedServiceImplementation,
    target: string,
    credentials: ServerCredentials,
  ): Promise<number> {
    for (const service of [EngineService, ControlService, NodeAgentService, LocalManagerService]) {
      const all = Object.entries(service).map(([name, { responseStream }]) => {
        return [name, methods[name] ?? unexpected(name, responseStream)];
      });
      this.#server.addService(service, Object.fromEntries(all));
    }
    return await new Promise((resolve, reject) => {
      this.#server.bindAsync(target, credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
    });
  }

  stop(): void {
    this.#server.forceShutdown();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function unexpected(name: string, isStream: boolean) {
  const fail = () => {
    throw new GantryError('UNSUPPORTED', `the test didn't expect a call of ${name}`);
  };
  return isStream ? serverStreamMethod<unknown, unknown>(fail) : unaryMethod<unknown, unknown>(async () => fail());
}

export interface Finished {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
}

export interface Surroundings {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: Uint8Array;
  readonly cwd?: string;
  readonly nowMs?: number;
}

/** Runs a command line with streams of its own. `host` undefined: as the environment and the contexts say. */
export async function runCli(
  host: string | undefined,
  argv: readonly string[],
  surroundings: Surroundings = {},
): Promise<Finished> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const stdin = Readable.from(pieces(surroundings.input ?? Buffer.alloc(0)));
  const out = collect(stdout);
  const err = collect(stderr);
  const cli: Cli = {
    ...NOT_YET_CHOSEN,
    env: surroundings.env ?? {},
    cwd: surroundings.cwd ?? '/',
    stdin: stdin as unknown as ReadStream,
    stdout: stdout as unknown as WriteStream,
    stderr: stderr as unknown as WriteStream,
    nowMs: () => surroundings.nowMs ?? 0,
    exitCode: 0,
  };
  const exitCode = await main(host === undefined ? argv : ['-H', host, ...argv], cli);
  stdout.end();
  stderr.end();
  const bytes = await out;
  return { exitCode, bytes, stdout: bytes.toString('utf8'), stderr: (await err).toString('utf8') };
}

/** As a pipe gives them. */
function* pieces(input: Uint8Array): Generator<Buffer> {
  for (let start = 0; start < input.length; start += 65_536) yield Buffer.from(input.subarray(start, start + 65_536));
}

async function collect(stream: PassThrough): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
