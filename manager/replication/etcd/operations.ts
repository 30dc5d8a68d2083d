/** Parts of etcd transactions. */
import type { ICompare, IRequestOp } from 'etcd3';
import type { KeyRange } from './keys.ts';

/** `lease`: the key goes with it. */
export function put(key: Buffer, value: Buffer | string, lease?: string): IRequestOp {
  return { request_put: { key, value: Buffer.from(value), ...(lease === undefined ? {} : { lease }) } };
}

/** One key, or all of a range. */
export function remove(target: Buffer | KeyRange): IRequestOp {
  return { request_delete_range: 'key' in target ? target : { key: target } };
}

export function exists(key: Buffer): ICompare {
  return { key, target: 'Version', result: 'Greater', version: 0 };
}

export function isMissing(key: Buffer): ICompare {
  return { key, target: 'Create', result: 'Equal', create_revision: 0 };
}

/** That the key was last written at this revision; 0: that there is none. */
export function writtenAt(key: Buffer, revision: number): ICompare {
  return { key, target: 'Mod', result: 'Equal', mod_revision: revision };
}
