import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TestAuthority } from '../../proto/identity.testing.ts';
import type { NodeIdentity } from '../../proto/tls.ts';
import { TestRegistry } from './testing/registry-client.ts';

let registry: TestRegistry;
beforeEach(async () => {
  registry = await new TestRegistry().start();
});
afterEach(() => registry.stop());

const file = (name: string) => join(registry.stores.dir, name);

function lay({ certPem, keyPem }: NodeIdentity): void {
  writeFileSync(file('cert'), certPem);
  writeFileSync(file('key'), keyPem);
}

/** The name in the certificate that a new connection is shown. */
function shown(): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: registry.port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().subject.CN);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

it('is shown anew when its files have changed, and the old one while they do not fit', async () => {
  const authority = await TestAuthority.create();
  const [first, second] = (await Promise.all(
    ['first', 'second'].map((nodeId) => authority.issue({ nodeId, role: 'worker', clusterId: 'c' })),
  )) as [NodeIdentity, NodeIdentity];
  await registry.server.close();
  lay(first);
  await registry.serve({ certificate: file('cert'), key: file('key') });
  expect(await shown()).toBe('first');
  writeFileSync(file('cert'), second.certPem);
  await registry.server.renewCertificate();
  expect(await shown()).toBe('first');
  lay(second);
  await registry.server.renewCertificate();
  expect(await shown()).toBe('second');
  rmSync(file('key'));
  await registry.server.renewCertificate();
  expect(await shown()).toBe('second');
});
