/** A log in an etcd that is reached by TLS, and that wants to know by certificate who comes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { StoreFiles } from '../../../proto/store-address.ts';
import { KEY_ALGORITHM, SIGNING_ALGORITHM, x509 } from '../../../proto/x509.ts';
import { RecordingState } from '../recording-state.testing.ts';
import { testOptions } from './etcd-log.testing.ts';
import { ETCD_PROGRAM, EtcdServers } from './etcd-server.testing.ts';
import { openEtcdLog } from './open.ts';

const HOUR_MS = 3_600_000;
const newKeys = () => crypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);

describe.skipIf(ETCD_PROGRAM === undefined)('a log in an etcd with TLS', () => {
  let dir: string;
  let etcd: EtcdServers;
  const path = (name: string) => join(dir, name);

  /** CA.crt, and for each name NAME.crt and NAME.key, all good for 127.0.0.1. */
  async function writeCertificates(ca: string, names: readonly string[]): Promise<void> {
    const caKeys = await newKeys();
    const life = { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + HOUR_MS) };
    const authority = await x509.X509CertificateGenerator.createSelfSigned({
      ...life,
      name: `CN=${ca}`,
      keys: caKeys,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    });
    writeFileSync(path(`${ca}.crt`), authority.toString('pem'));
    for (const name of names) {
      const keys = await newKeys();
      const certificate = await x509.X509CertificateGenerator.create({
        ...life,
        subject: `CN=${name}`,
        issuer: authority.subject,
        publicKey: keys.publicKey,
        signingKey: caKeys.privateKey,
        signingAlgorithm: SIGNING_ALGORITHM,
        extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }])],
      });
      writeFileSync(path(`${name}.crt`), certificate.toString('pem'));
      const key = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
      writeFileSync(path(`${name}.key`), x509.PemConverter.encode(key, 'PRIVATE KEY'));
    }
  }

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'gantry-etcd-tls-'));
    await writeCertificates('ca', ['server', 'manager']);
    await writeCertificates('other', ['stranger']);
    const server = ['--cert-file', path('server.crt'), '--key-file', path('server.key')];
    const flags = [...server, '--client-cert-auth', '--trusted-ca-file', path('ca.crt')];
    etcd = await EtcdServers.start({ scheme: 'https', flags });
  });
  afterAll(async () => {
    await etcd.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const open = (files: StoreFiles, store = etcd.store()) =>
    openEtcdLog({ ...testOptions(store.replace('etcd:', 'etcds:'), 'a', new RecordingState()), files });
  const own = () => ({ ca: path('ca.crt'), cert: path('manager.crt'), key: path('manager.key') });

  it('is written by who has a certificate of its authority', async () => {
    const log = await vi.waitFor(() => open(own()), { timeout: 20_000, interval: 100 });
    await vi.waitFor(() => log.propose(Buffer.from('one')), { timeout: 10_000, interval: 10 });
    await log.close();
  });

  it.each([
    ['without a certificate', () => ({ ...own(), cert: '', key: '' })],
    [
      'with a certificate of another authority',
      () => ({ ...own(), cert: path('stranger.crt'), key: path('stranger.key') }),
    ],
    ['that takes another authority for etcd’s', () => ({ ...own(), ca: path('other.crt') })],
  ])('is not opened by a manager %s', async (_name, files) => {
    await expect(open(files())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('etcd at'),
    });
  });

  it('needs the files that are named', async () => {
    await expect(open({ ...own(), key: path('missing') })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(path('missing')),
    });
  });
});

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });
