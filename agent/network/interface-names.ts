/** Names that users choose for a container's interfaces. Pure. */
import { GantryError } from '../../proto/errors.ts';

interface Named {
  /** Undefined: ethN, by its place. */
  readonly interfaceName?: string | undefined;
}

/** Less one for the end of the text: IFNAMSIZ of linux/if.h. */
const MOST_LETTERS = 15;

/** Throws INVALID_ARGUMENT for what the kernel wouldn't take, and for two of one name. */
export function checkInterfaceNames(networks: readonly Named[]): void {
  const seen = new Set(['lo']);
  for (const [number, { interfaceName }] of networks.entries()) {
    if (interfaceName !== undefined && !isName(interfaceName))
      throw refused(interfaceName, 'is no name of an interface');
    const name = interfaceName ?? `eth${number}`;
    if (seen.has(name)) throw refused(name, 'is the name of another interface of the container');
    seen.add(name);
  }
}

function isName(text: string): boolean {
  return text.length <= MOST_LETTERS && /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text);
}

function refused(name: string, what: string): GantryError {
  return new GantryError('INVALID_ARGUMENT', `"${name}" ${what}`, {
    hint: `choose another one, of up to ${MOST_LETTERS} letters, digits, ".", "_" and "-"`,
  });
}
