import { describe, expect, it } from 'vitest';
import { RegistryFacts } from '../../proto/generated/gantry/v1/control.ts';
import { RegistryCredentials } from '../../proto/generated/gantry/v1/engine.ts';
import { service, serviceSpec } from '../objects.testing.ts';
import { completeServiceSpec } from '../store/service.ts';
import { credentialsFor, keptCredentials, sameCredentials } from './pull-credentials.ts';

const given = (...domains: string[]) =>
  RegistryFacts.fromPartial({
    credentials: Object.fromEntries(domains.map((domain) => [domain, { username: domain }])),
  });
const userFor = (image: string, kept: ReturnType<typeof keptCredentials>) => {
  const bytes = credentialsFor(image, { pullCredentials: kept });
  return bytes && RegistryCredentials.decode(bytes).username;
};

describe('credentials that are given with a service', () => {
  it('are kept for the registries of its images, and nobody else’s', () => {
    const kept = keptCredentials(service('web', { image: 'reg:5000/web:1' }), given('reg:5000', 'docker.io', 'other'));
    expect(userFor(`reg:5000/web:2@sha256:${'a'.repeat(64)}`, kept)).toBe('reg:5000');
    expect(userFor('web:1', kept)).toBeUndefined();
    expect(userFor('sha256:No', kept)).toBeUndefined();
    expect(Object.keys(kept?.byDomain ?? {})).toEqual(['reg:5000']);
  });

  it('stay until others are given, and until a rollback can’t need them any more', () => {
    const before = service('web', { image: 'old:1/web' });
    const first = keptCredentials({ ...before, pullCredentials: undefined }, given('old:1'));
    const previousSpec = completeServiceSpec(serviceSpec('web', { image: 'old:1/web' }));
    const updated = { ...service('web', { image: 'new:1/web', previousSpec }), pullCredentials: first };
    const second = keptCredentials(updated, given('new:1'));
    expect([userFor('old:1/web', second), userFor('new:1/web', second)]).toEqual(['old:1', 'new:1']);
    const gone = { ...service('web', { image: 'new:1/web:2' }), pullCredentials: second };
    expect(Object.keys(keptCredentials(gone, undefined)?.byDomain ?? {})).toEqual(['new:1']);
    expect(
      keptCredentials({ ...service('web', { image: 'web' }), pullCredentials: second }, undefined),
    ).toBeUndefined();
  });

  it('are told apart by what they say', () => {
    const web = service('web', { image: 'reg:5000/web:1' });
    const one = keptCredentials(web, given('reg:5000'));
    const other = RegistryFacts.fromPartial({ credentials: { 'reg:5000': { username: 'somebody else' } } });
    expect(sameCredentials(one, keptCredentials({ ...web, pullCredentials: one }, undefined))).toBe(true);
    expect(sameCredentials(one, keptCredentials(web, other))).toBe(false);
    expect(sameCredentials(one, undefined)).toBe(false);
    expect(sameCredentials(undefined, undefined)).toBe(true);
  });
});
