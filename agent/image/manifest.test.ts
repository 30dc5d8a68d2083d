import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GantryError } from '../../proto/errors.ts';
import { digestOf } from './content-store.ts';
import { parseImageDocument } from './image-config.ts';
import { chooseManifest, manifestMediaType, OCI_INDEX, OCI_MANIFEST, parseManifest } from './manifest.ts';

const DIGEST = digestOf(Buffer.from('x'));

/** Documents that are nearly right: known fields, with values of any kind. */
const value = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(DIGEST, OCI_MANIFEST, OCI_INDEX, 2, -1, 1e300, null, 'linux', [], {}, [{ digest: DIGEST, size: 1 }]),
);
const fields = ['schemaVersion', 'mediaType', 'config', 'layers', 'manifests', 'digest', 'size', 'platform', 'os'];
const configFields = [
  'architecture',
  'os',
  'rootfs',
  'diff_ids',
  'history',
  'created',
  'Cmd',
  'Env',
  'Labels',
  'Healthcheck',
];

function nearly(names: readonly string[]): fc.Arbitrary<unknown> {
  const record = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 6 });
  return fc.oneof(
    value,
    record,
    fc.tuple(record, fc.constantFrom(...names), record).map(([a, name, b]) => ({ ...a, [name]: b })),
  );
}

function survives(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(GantryError);
  }
}

describe('what registries and archives say of images', () => {
  it('is read, or refused with a reason, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(nearly(fields), nearly(configFields)), (document) => {
        const bytes = Buffer.from(JSON.stringify(document));
        survives(() => {
          const parsed = parseManifest(bytes, 'it');
          if (parsed.kind === 'index') chooseManifest(parsed, { os: 'linux', architecture: 'amd64' });
        });
        survives(() => manifestMediaType(bytes));
        survives(() => parseImageDocument(bytes, 'it'));
      }),
      { numRuns: 2000 },
    );
  });

  it('need not be JSON', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        survives(() => parseManifest(Buffer.from(bytes), 'it'));
        survives(() => parseImageDocument(Buffer.from(bytes), 'it'));
      }),
    );
  });
});
