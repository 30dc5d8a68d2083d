/** The order of UTF-16 code units, for sorting: the same on every host, unlike a locale's. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
