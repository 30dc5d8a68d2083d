/** The formats of cgroup files and of /proc/PID/net/dev. Pure; what is missing or not understood is left out. */

/** "KEY VALUE" on each line: cpu.stat, memory.stat, memory.events, memory.oom_control. */
export function parseFlatKeyed(text: string): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    const value = space < 0 ? Number.NaN : Number(line.slice(space + 1));
    if (!Number.isNaN(value)) values.set(line.slice(0, space), value);
  }
  return values;
}

/** A single number; undefined for "max" and for no text. */
export function parseNumber(text: string): number | undefined {
  const trimmed = text.trim();
  return /^\d+$/.test(trimmed) ? Number(trimmed) : undefined;
}

/** Bytes of all devices together. */
export interface BlockBytes {
  readonly read: number;
  readonly written: number;
}

/** Version 2's io.stat: "8:0 rbytes=1 wbytes=2 rios=…" for each device. */
export function parseIoStat(text: string): BlockBytes {
  return { read: sum(text, /\brbytes=(\d+)/g), written: sum(text, /\bwbytes=(\d+)/g) };
}

/** Version 1's blkio.throttle.io_service_bytes_recursive: "8:0 Read 1" for each device and kind, and a total. */
export function parseBlkio(text: string): BlockBytes {
  return { read: sum(text, /^\d+:\d+ Read (\d+)$/gm), written: sum(text, /^\d+:\d+ Write (\d+)$/gm) };
}

function sum(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((total, [, digits]) => total + Number(digits), 0);
}

export interface InterfaceBytes {
  readonly name: string;
  readonly received: number;
  readonly sent: number;
}

/** All interfaces but the loopback: proc_pid_net(5). */
export function parseNetDev(text: string): InterfaceBytes[] {
  return text.split('\n').flatMap((line) => {
    const [, name, counters = ''] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || name === 'lo') return [];
    const values = counters.split(/\s+/).map(Number);
    return [{ name, received: values[0] ?? 0, sent: values[8] ?? 0 }];
  });
}
