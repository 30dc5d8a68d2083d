/** How rules are written for nft(8), in an order that doesn't depend on where they come from. Pure. */

export function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

export function hex(bits: number): string {
  return `0x${(bits >>> 0).toString(16)}`;
}

/** `hook`: undefined for a chain that others jump to. */
export function chain(name: string, hook: string | undefined, rules: readonly string[]): string[] {
  const body = [...(hook === undefined ? [] : [hook]), ...rules];
  return [`  chain ${name} {`, ...body.map((line) => `    ${line}`), '  }'];
}
