import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { securityOptions } from './security-options.ts';

const NONE = { noNewPrivileges: false, seccompProfile: '', unconfinedSystemPaths: false };

describe('--security-opt', () => {
  it.each<[string[], object]>([
    [[], {}],
    [['no-new-privileges'], { noNewPrivileges: true }],
    [['no-new-privileges:true'], { noNewPrivileges: true }],
    [['no-new-privileges=false'], {}],
    [['seccomp=unconfined'], { seccompProfile: 'unconfined' }],
    [['seccomp:unconfined', 'seccomp=builtin'], {}],
    [['systempaths=unconfined'], { unconfinedSystemPaths: true }],
    [['apparmor=unconfined', 'apparmor:unconfined', 'label=disable', 'label:disable'], {}],
  ])('takes %j', (options, fields) => {
    expect(securityOptions(options)).toEqual({ ...NONE, ...fields });
  });

  it('reads the file of a profile', () => {
    const directory = mkdtempSync(join(tmpdir(), 'gantry-security-'));
    try {
      const file = join(directory, 'profile.json');
      writeFileSync(file, '{}');
      expect(securityOptions([`seccomp=${file}`])).toEqual({ ...NONE, seccompProfile: '{}' });
      writeFileSync(file, '{');
      expect(() => securityOptions([`seccomp=${file}`])).toThrow(`cannot read seccomp profile ${file}`);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it.each([
    'apparmor=docker-default',
    'label=type:svirt_apache_t',
    'systempaths=masked',
    'no-new-privileges=maybe',
    'seccomp',
    'credentialspec=x',
  ])('refuses %s', (option) => {
    expect(() => securityOptions([option])).toThrow(`invalid argument "${option}" for --security-opt`);
  });
});
