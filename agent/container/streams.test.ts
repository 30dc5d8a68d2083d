import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import {
  ContainerStatus,
  type ContainerStreamRequest,
  type ContainerStreamResponse,
} from '../../proto/generated/gantry/v1/engine.ts';
import { config, EngineFixture } from './engine-fixture.testing.ts';

let fixture: EngineFixture;
beforeEach(() => {
  fixture = new EngineFixture();
});
afterEach(() => fixture.remove());

type Message = NonNullable<ContainerStreamRequest['message']>;

/** A client: sends what it is told, and stays until the stream ends. */
class Client {
  readonly gone = new AbortController();
  readonly received: string[] = [];
  readonly ended: Promise<void>;
  readonly #requests: ContainerStreamRequest[] = [];
  #wake = () => {};

  constructor(first: Message) {
    this.send(first);
    this.ended = this.#receive(fixture.engine.stream(this.#sent(), this.gone.signal));
    this.ended.catch(() => undefined);
  }

  send(message: Message): void {
    this.#requests.push({ message });
    this.#wake();
  }

  async *#sent(): AsyncGenerator<ContainerStreamRequest, void, undefined> {
    for (;;) {
      const request = this.#requests.shift();
      if (request !== undefined) yield request;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async #receive(responses: AsyncIterable<ContainerStreamResponse>): Promise<void> {
    for await (const { message } of responses) this.received.push(`${message?.$case} ${String(message?.value)}`);
  }
}

const running = () => vi.waitFor(() => expect(fixture.shims.last.started).toBe(true));

function run(...[spec, change]: Parameters<typeof config>): Client {
  const stdin = spec?.openStdin === true;
  return new Client({ $case: 'run', value: { config: config(spec, change), stdin, size: undefined } });
}

describe('run', () => {
  it('shows the output and, last, the exit code', async () => {
    const client = run();
    await running();
    const { options } = fixture.shims.last;
    fixture.shims.last.print('hello');
    fixture.shims.last.end(3);
    await client.ended;
    expect(client.received).toEqual([`started ${options.containerId}`, 'stdout hello', 'exitCode 3']);
    expect(fixture.engine.inspect(options.containerId).state?.status).toBe(ContainerStatus.EXITED);
  });

  it('tells the exit code once the container is removed', async () => {
    const client = run({}, { autoRemove: true });
    await running();
    fixture.shims.last.end(0);
    await client.ended;
    expect(client.received.at(-1)).toBe('exitCode 0');
    expect(await fixture.engine.list({ all: true, filters: [] })).toEqual([]);
    expect(fixture.host.snapshots.size + fixture.host.mounts.size + fixture.host.sandboxes.size).toBe(0);
  });

  it('passes input and its end, signals', async () => {
    const client = run({ openStdin: true });
    await running();
    client.send({ $case: 'stdin', value: Buffer.from('a') });
    client.send({ $case: 'stdin', value: Buffer.from('b') });
    client.send({ $case: 'signal', value: 'USR1' });
    client.send({ $case: 'stdinEnd', value: true });
    await vi.waitFor(() => expect(fixture.shims.last.stdinClosed).toBe(true));
    expect(fixture.shims.last.stdin).toEqual(['a', 'b']);
    expect(fixture.shims.last.signals).toEqual([10]);
    fixture.shims.last.end(0);
    await client.ended;
  });

  it('refuses input that was not announced', async () => {
    const client = run();
    await running();
    client.send({ $case: 'stdin', value: Buffer.from('a') });
    await expect(client.ended).rejects.toThrow('standard input was sent to a stream without it');
  });

  it('leaves the container running when its client goes', async () => {
    const client = run({}, { autoRemove: true });
    await running();
    client.gone.abort();
    await client.ended;
    const id = fixture.shims.last.options.containerId;
    expect(fixture.engine.inspect(id).state?.status).toBe(ContainerStatus.RUNNING);
    fixture.shims.last.end(0);
    await vi.waitFor(() => expect(() => fixture.engine.inspect(id)).toThrow('no such container'));
  });

  it('ends the input of a pipe whose writer is gone', async () => {
    const client = run({ openStdin: true });
    await running();
    client.gone.abort();
    await client.ended;
    expect(fixture.shims.last.stdinClosed).toBe(true);
  });

  it('removes what could not be started, when it was to be removed', async () => {
    fixture.shims.createError = new GantryError('COMMAND_NOT_FOUND', 'no such program');
    await expect(run({}, { autoRemove: true }).ended).rejects.toThrow('no such program');
    expect(await fixture.engine.list({ all: true, filters: [] })).toEqual([]);
    expect(fixture.host.snapshots.size).toBe(0);
  });

  it('keeps what could not be started otherwise', async () => {
    fixture.shims.createError = new GantryError('COMMAND_NOT_FOUND', 'no such program');
    await expect(run().ended).rejects.toThrow('no such program');
    const [container] = await fixture.engine.list({ all: true, filters: [] });
    expect(container?.state).toMatchObject({ status: ContainerStatus.CREATED, exitCode: 127 });
  });
});

describe('attach', () => {
  it('shows what comes from now on', async () => {
    const id = await fixture.engine.create(config({}, { name: 'web' }));
    await fixture.engine.start(id);
    fixture.shims.last.print('before');
    const client = new Client({ $case: 'attach', value: { reference: 'web', stdin: false } });
    await vi.waitFor(() => expect(client.received).toEqual([`started ${id}`]));
    fixture.shims.last.print('after');
    fixture.shims.last.end(1);
    await client.ended;
    expect(client.received.slice(1)).toEqual(['stdout after', 'exitCode 1']);
  });

  it('leaves the input open for the next', async () => {
    const id = await fixture.engine.create(config({ openStdin: true }));
    await fixture.engine.start(id);
    const client = new Client({ $case: 'attach', value: { reference: id, stdin: true } });
    client.send({ $case: 'stdin', value: Buffer.from('x') });
    client.send({ $case: 'stdinEnd', value: true });
    await vi.waitFor(() => expect(fixture.shims.last.stdin).toEqual(['x']));
    fixture.shims.last.end(0);
    await client.ended;
    expect(fixture.shims.last.stdinClosed).toBe(false);
  });

  it('needs something that runs', async () => {
    const id = await fixture.engine.create(config({}, { name: 'web' }));
    const attach = new Client({ $case: 'attach', value: { reference: id, stdin: false } });
    await expect(attach.ended).rejects.toThrow('container web is not running');
  });
});

describe('exec', () => {
  const exec = {
    env: [],
    user: '',
    dir: '',
    tty: false,
    stdin: false,
    privileged: false,
    detach: false,
    size: undefined,
  };

  it('needs a command, and something that runs', async () => {
    const id = await fixture.engine.create(config({}, { name: 'web' }));
    const start = (argv: string[]) => new Client({ $case: 'exec', value: { ...exec, reference: id, argv } }).ended;
    await expect(start([])).rejects.toThrow('exec needs a command');
    await expect(start(['ls'])).rejects.toThrow('container web is not running');
  });
});

describe('a stream', () => {
  it('begins with run, attach or exec', async () => {
    await expect(new Client({ $case: 'stdinEnd', value: true }).ended).rejects.toThrow(
      'begins with run, attach or exec',
    );
  });
});
