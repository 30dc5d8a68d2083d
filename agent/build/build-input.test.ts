import { describe, expect, it } from 'vitest';
import { BuildInput, type BuildMessage } from './build-input.ts';

async function* from(...messages: BuildMessage[]): AsyncGenerator<BuildMessage> {
  yield* messages;
}

const data = (text: string): BuildMessage => ({ $case: 'data', value: Buffer.from(text) });
const named = (name: string, text: string): BuildMessage => ({
  $case: 'namedData',
  value: { name, data: Buffer.from(text) },
});
const ssh = (text: string): BuildMessage => ({
  $case: 'ssh',
  value: { connection: 1, id: 'default', data: Buffer.from(text) },
});

async function text(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  let all = '';
  for await (const piece of pieces) all += Buffer.from(piece).toString();
  return all;
}

describe('what a client sends', () => {
  it('is taken apart', async () => {
    const sent: BuildMessage = { $case: 'contextsSent', value: true };
    const input = new BuildInput(
      from(data('a'), data('b'), named('x', 'c'), named('y', 'd'), named('y', 'e'), sent, ssh('s')),
    );
    expect(await text(input.context())).toBe('ab');
    const contexts: string[] = [];
    for await (const [name, archive] of input.namedContexts(new Set(['x', 'y'])))
      contexts.push(`${name}=${await text(archive)}`);
    expect(contexts).toEqual(['x=c', 'y=de']);
    const said: string[] = [];
    for await (const message of input.sshMessages()) said.push(message.data.toString());
    expect(said).toEqual(['s']);
  });

  it('is refused where it is not what was announced', async () => {
    const contexts = (input: BuildInput, ...names: string[]) => collect(input.namedContexts(new Set(names)));
    await expect(contexts(new BuildInput(from(named('y', 'd'))), 'x')).rejects.toThrow('y was sent and is not');
    await expect(contexts(new BuildInput(from()), 'x')).rejects.toThrow('the context x was not sent');
    await expect(new BuildInput(from(data('a'))).listing()).rejects.toThrow('the listing of the context was not sent');
    await expect(text(new BuildInput(from(ssh('s'), data('late'))).context())).resolves.toBe('');
  });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
