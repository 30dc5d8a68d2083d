/** `configs` and `secrets` of a service: as files in its containers. */
import type { FileReference } from '../../../proto/generated/gantry/v1/types.ts';
import type { Resources } from './context.ts';
import type { ModelCursor } from './model-cursor.ts';

/** `directory`: where what has no absolute target is. */
export function convertFileReferences(
  cursor: ModelCursor,
  defined: Resources<unknown>,
  directory: string,
): FileReference[] {
  return cursor.items((item) => readReference(item, defined, directory)).filter((one) => one !== undefined);
}

const MAX_ID = 2 ** 32 - 2;

/** Undefined for one that isn't defined, of which was told when the model was checked. */
function readReference(item: ModelCursor, defined: Resources<unknown>, directory: string): FileReference | undefined {
  return item.object({}, (fields) => {
    const source = fields.text('source');
    const target = fields.text('target') || source;
    const reference = {
      id: '',
      target: target.startsWith('/') ? target : `${directory}/${target}`,
      uid: fields.get('uid', (cursor) => cursor.digits(0, MAX_ID)) ?? 0,
      gid: fields.get('gid', (cursor) => cursor.digits(0, MAX_ID)) ?? 0,
      mode: fields.get('mode', (cursor) => cursor.fileMode()) ?? 0o444,
    };
    const resource = defined.get(source);
    return resource === undefined ? undefined : { ...reference, name: resource.fullName };
  });
}
