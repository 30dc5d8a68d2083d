/** Bytes as Go's %q shows them. */

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\u0007', '\\a'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
  ['\\', '\\\\'],
  ['"', '\\"'],
]);
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

export function quote(bytes: Uint8Array): string {
  return `"${[...characters(bytes)].map(escapeCharacter).join('')}"`;
}

/** What isn't UTF-8 comes as single bytes. */
function* characters(bytes: Uint8Array): Generator<string | number> {
  for (let at = 0; at < bytes.length; ) {
    const [character, length] = decodeAt(bytes, at);
    yield character;
    at += length;
  }
}

function decodeAt(bytes: Uint8Array, at: number): [string | number, number] {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length += 1) {
    try {
      return [
        new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(at, at + length)),
        length,
      ];
    } catch {
      // Longer, or none.
    }
  }
  return [bytes[at] ?? 0, 1];
}

function escapeCharacter(character: string | number): string {
  if (typeof character === 'number') return `\\x${hex(character, 2)}`;
  const escaped = ESCAPES.get(character);
  if (escaped !== undefined) return escaped;
  if (PRINTABLE.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
