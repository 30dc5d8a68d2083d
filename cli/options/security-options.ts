/** --security-opt, as `run` and compose files have it. */
import { readFileSync } from 'node:fs';
import type { ContainerSpec } from '../../proto/generated/gantry/v1/types.ts';
import { invalidFlag } from '../command-line.ts';
import { CliError, EXIT, fileReason } from '../failure.ts';

type SecurityFields = Pick<ContainerSpec, 'noNewPrivileges' | 'seccompProfile' | 'unconfinedSystemPaths'>;

const FLAG = '--security-opt';
const HINT = 'write seccomp=FILE, seccomp=unconfined, systempaths=unconfined or no-new-privileges';

/** KEY, KEY=VALUE or KEY:VALUE. Reads the file of a seccomp profile; throws CliError. */
export function securityOptions(options: readonly string[], flag = FLAG): SecurityFields {
  const result = { noNewPrivileges: false, seccompProfile: '', unconfinedSystemPaths: false };
  for (const option of options) {
    const [key = '', value = ''] = option.split(/[=:](.*)/s);
    if (key === 'no-new-privileges') result.noNewPrivileges = truth(flag, option, value);
    else if (key === 'seccomp' && value !== '') result.seccompProfile = seccompProfile(value);
    else if (key === 'systempaths' && value === 'unconfined') result.unconfinedSystemPaths = true;
    else if (!isAlwaysSo(key, value)) throw refusal(flag, option, key);
  }
  return result;
}

function truth(flag: string, option: string, value: string): boolean {
  if (/^(|true|1|t)$/i.test(value)) return true;
  if (/^(false|0|f)$/i.test(value)) return false;
  throw invalidFlag(flag, option, 'write no-new-privileges, or no-new-privileges=false');
}

/** No profile of AppArmor and no label of SELinux is ever given to a container: without is as it runs anyway. */
function isAlwaysSo(key: string, value: string): boolean {
  return (key === 'apparmor' && value === 'unconfined') || (key === 'label' && value === 'disable');
}

const INSTEAD: Readonly<Record<string, string>> = {
  apparmor: 'profiles are not given to containers; write apparmor=unconfined or leave it out, and confine with seccomp',
  label: 'labels are not given to containers; write label=disable or leave it out',
};

function refusal(flag: string, option: string, key: string): CliError {
  return invalidFlag(flag, option, INSTEAD[key] ?? HINT);
}

function seccompProfile(value: string): string {
  if (value === 'unconfined') return value;
  if (value === 'builtin') return '';
  let text: string;
  try {
    text = readFileSync(value, 'utf8');
    JSON.parse(text);
  } catch (error) {
    throw new CliError(`cannot read seccomp profile ${value}: ${fileReason(error)}`, {
      hint: HINT,
      exitCode: EXIT.refused,
    });
  }
  return text;
}
