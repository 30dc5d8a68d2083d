import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { expect, it } from 'vitest';
import { newCertificateRequest } from '../../proto/certificate-request.ts';
import { IssueCertificateRequest } from '../../proto/generated/gantry/v1/ca.ts';
import { newObjectId } from '../../proto/ids.ts';
import { bootstrap } from '../bootstrap.ts';
import { systemClock } from '../clock.ts';
import { MemoryLog } from '../store/memory-log.testing.ts';
import { StoreState } from '../store/state.ts';
import { Store } from '../store/store.ts';
import { theCluster } from '../store/the-cluster.ts';
import { CertificateAuthority } from './authority.ts';

it('leaves others their turns of the event loop while many nodes ask at once', async () => {
  const logger = pino({ level: 'silent' });
  const state = new StoreState(logger);
  const store = new Store(state, new MemoryLog('n1', state), systemClock);
  await bootstrap(store, 'n1', randomBytes, Date.now());
  const upToDate = () => Promise.resolve();
  const authority = new CertificateAuthority({ store, clock: systemClock, logger, managers: () => [], upToDate });
  const token = store.view(theCluster).joinTokens?.worker ?? '';
  const { requestPem } = await newCertificateRequest();
  const wanted = 50;
  let turns = 0;
  const over = new AbortController();
  const count = () => {
    turns += 1;
    if (!over.signal.aborted) setImmediate(count);
  };
  setImmediate(count);
  const requests = Array.from({ length: wanted }, () =>
    IssueCertificateRequest.fromPartial({ request: requestPem, token, nodeId: newObjectId(randomBytes) }),
  );
  await Promise.all(
    requests.map((request) => authority.issueCertificate(request, { kind: 'nobody', forwarded: false })),
  );
  over.abort();
  // To read a request is one, to sign the certificate another; the last one may be the last of all.
  expect(turns).toBeGreaterThanOrEqual(2 * wanted - 1);
});
