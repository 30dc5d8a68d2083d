import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../proto/free-port.testing.ts';
import { Callback } from './callback.ts';

describe('a callback', () => {
  it('answers with its secret, and goes although somebody stays', async () => {
    const port = await freePort();
    const callback = await Callback.listen(`127.0.0.1:${port}`);
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    const [data] = (await once(socket, 'data')) as [Buffer];
    expect(data).toEqual(callback?.secret);
    await callback?.close();
    socket.destroy();
    const next = createServer().listen(port, '127.0.0.1');
    await once(next, 'listening');
    next.close();
  });

  it('is none where something else listens', async () => {
    const port = await freePort();
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    expect(await Callback.listen(`127.0.0.1:${port}`)).toBeUndefined();
    other.close();
  });
});
