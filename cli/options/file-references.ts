/** --secret and --config of services. */
import { isAbsolute } from 'node:path';
import type { FileReference } from '../../proto/generated/gantry/v1/types.ts';
import { invalidFlag } from '../command-line.ts';

const HINT = 'write NAME or source=NAME,target=PATH[,uid=0,gid=0,mode=0400]';
/** The last that isn't the kernel's "no id". */
const LAST_ID = 2 ** 32 - 2;

/** Where a file goes whose target is no absolute path. */
export const FILE_DIRECTORIES = { secret: '/run/secrets', config: '' } as const;

/** NAME, or source=NAME,target=PATH,uid=U,gid=G,mode=M; `directory`: for a target that isn't absolute. */
export function parseFileReference(flag: string, text: string, directory: string): FileReference {
  const fail = (hint: string) => invalidFlag(flag, text, hint);
  const reference: FileReference = { id: '', name: '', target: '', uid: 0, gid: 0, mode: 0o444 };
  const fields = text.includes('=') ? text.split(',') : [`source=${text}`];
  for (const field of fields) applyField(reference, field, fail);
  if (reference.name === '') throw fail(HINT);
  const target = reference.target === '' ? reference.name : reference.target;
  return { ...reference, target: isAbsolute(target) ? target : `${directory}/${target}` };
}

function applyField(reference: FileReference, field: string, fail: (hint: string) => Error): void {
  const [key = '', value = ''] = field.split(/=(.*)/s);
  switch (key.toLowerCase()) {
    case 'source':
    case 'src':
      reference.name = value;
      return;
    case 'target':
      reference.target = value;
      return;
    case 'uid':
    case 'gid':
      if (!/^\d+$/.test(value) || Number(value) > LAST_ID) throw fail(`${key} is a number; ${HINT}`);
      reference[key.toLowerCase() === 'uid' ? 'uid' : 'gid'] = Number(value);
      return;
    case 'mode':
      if (!/^[0-7]{3,5}$/.test(value)) throw fail('mode is octal, such as 0400');
      reference.mode = Number.parseInt(value, 8);
      return;
    default:
      throw fail(`the key "${key}" is not known; ${HINT}`);
  }
}
