/** config.json and process.json as text. */

const RLIM_INFINITY = '18446744073709551615';

interface RawJson {
  /** A value that JSON.stringify writes as it stands (ES2026, in V8 since 11.4; TypeScript doesn't know it yet). */
  rawJSON(text: string): unknown;
}

/**
 * JSON of an OCI spec or process. Unlimited rlimits are -1 in memory, and 2^64 - 1 in the file, which a JavaScript
 * number can't hold: every runtime reads them as unsigned 64 bits.
 */
export function serializeSpec(value: object): string {
  return JSON.stringify(value, (key, item: unknown) =>
    (key === 'soft' || key === 'hard') && item === -1 ? infinity() : item,
  );
}

function infinity(): unknown {
  return (JSON as unknown as RawJson).rawJSON(RLIM_INFINITY);
}
