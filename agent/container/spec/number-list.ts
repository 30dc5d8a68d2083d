/** Lists of CPUs and memory nodes as the kernel writes them, cpuset(7): "0-2,4". Pure. */

/** The highest number that a kernel can be built for, doubled: bounds what a list can make us hold. */
const MOST = 16_384;

/** Undefined when it isn't such a list. */
export function parseNumberList(text: string): ReadonlySet<number> | undefined {
  const numbers = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? first);
    if (last < first || last >= MOST) return undefined;
    for (let number = first; number <= last; number += 1) numbers.add(number);
  }
  return numbers;
}
