/** `security_opt` of a service. */
import { resolve } from 'node:path';
import type { ContainerSpec } from '../../../proto/generated/gantry/v1/types.ts';
import { shownPath } from '../source/paths.ts';
import { readProjectFile } from './contents.ts';
import type { ServiceContext } from './context.ts';
import type { ModelCursor } from './model-cursor.ts';

type Security = Partial<Pick<ContainerSpec, 'noNewPrivileges' | 'seccompProfile' | 'unconfinedSystemPaths'>>;

const HINT = 'write seccomp:FILE, seccomp:unconfined, systempaths:unconfined or no-new-privileges:true';

/** NAME:VALUE and NAME=VALUE */
export function convertSecurityOptions(cursor: ModelCursor, context: ServiceContext): Security {
  const options = cursor.items((item) => readOption(item, context));
  return Object.assign({}, ...options) as Security;
}

function readOption(item: ModelCursor, context: ServiceContext): Security {
  const [, name = '', value] = /^([^:=]*)(?:[:=](.*))?$/s.exec(item.text()) ?? [];
  switch (name) {
    case 'no-new-privileges':
      if (value !== undefined && !/^(true|false)$/.test(value))
        throw item.problem(`"${value}" is not true or false`, HINT);
      return { noNewPrivileges: value !== 'false' };
    case 'seccomp':
      return { seccompProfile: readSeccomp(item, value ?? '', context) };
    case 'systempaths':
      if (value !== 'unconfined') throw item.problem(`"${value ?? ''}" is not allowed here`, HINT);
      return { unconfinedSystemPaths: true };
    // No label and no profile is given to any container: without is how it runs anyway.
    case 'label':
      if (value === 'disable') return {};
      throw item.problem('SELinux labels are not supported: containers have none of their own', 'remove it');
    case 'apparmor':
      if (value === 'unconfined') return {};
      throw item.problem('AppArmor profiles are not supported: containers run under none', 'remove it, or use seccomp');
    default:
      throw item.problem(`the security option "${name}" is not supported`, HINT);
  }
}

/** The text of the profile, which goes to all nodes. */
function readSeccomp(item: ModelCursor, value: string, context: ServiceContext): string {
  if (value === 'unconfined') return value;
  if (value === 'builtin') return '';
  if (value === '') throw item.problem('names no seccomp profile', HINT);
  const path = resolve(context.directory, value);
  const shown = shownPath(path, context.directory);
  const data = readProjectFile(item, path, context);
  if (data === undefined) throw item.problem(`seccomp profile "${shown}" not found`, 'make it, or correct the path');
  const text = Buffer.from(data).toString('utf8');
  try {
    JSON.parse(text);
    return text;
  } catch {
    throw item.problem(`the seccomp profile "${shown}" is not JSON`, "write it in Docker's format");
  }
}
