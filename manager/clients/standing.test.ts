import { describe, expect, it } from 'vitest';
import { ClientCertificate, ClientRole } from '../../proto/generated/gantry/v1/types.ts';
import { refusalOfClient, type Standing } from './standing.ts';

const CLIENT = { name: 'ci', serial: '40', clusterId: 'c1' };
const NOW_MS = 1_000_000;

function standing(changes: Partial<Standing> & { readonly role?: ClientRole } = {}): Standing {
  const { role = ClientRole.ADMIN, ...others } = changes;
  const certificate = ClientCertificate.fromPartial({ id: '40', name: 'ci', role, expiresAtMs: NOW_MS + 1 });
  return { clusterId: 'c1', certificate, nowMs: NOW_MS, ...others };
}

const reason = (needed: 'viewer' | 'admin' | undefined, of: Standing) => refusalOfClient(CLIENT, needed, of)?.message;

describe('a client', () => {
  it('may call what its role gives', () => {
    expect(reason('viewer', standing())).toBeUndefined();
    expect(reason('admin', standing())).toBeUndefined();
    expect(reason('viewer', standing({ role: ClientRole.VIEWER }))).toBeUndefined();
    expect(reason('admin', standing({ role: ClientRole.VIEWER }))).toBe('refused: client ci may only look');
    // Of a role that a later version gives, this one knows only that it isn't an administrator's.
    expect(reason('admin', standing({ role: ClientRole.UNRECOGNIZED }))).toBe('refused: client ci may only look');
  });

  it('is no node, whatever its role', () => {
    expect(reason(undefined, standing())).toBe('refused: client ci is no node');
  });

  it.each<[string, Partial<Standing>]>([
    ['the certificate of client ci has been revoked', { certificate: undefined }],
    ['the certificate of client ci has expired', { nowMs: NOW_MS + 1 }],
    ['client ci is of another cluster', { clusterId: 'c2' }],
    ['client ci is of another cluster', { clusterId: undefined }],
  ])('is told that %s', (why, of) => {
    for (const needed of ['viewer', 'admin'] as const) {
      expect(refusalOfClient(CLIENT, needed, standing(of))).toMatchObject({
        code: 'PERMISSION_DENIED',
        message: `refused: ${why}`,
        hint: expect.stringContaining('gantry client create'),
      });
    }
  });
});
