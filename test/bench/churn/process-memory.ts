/** What a daemon keeps: memory by kind, JavaScript's heap, descriptors. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessMemory {
  /** Its own pages: what a leak would be in. */
  readonly anonymousMb: number;
  /** Pages of files (programs, the log's database), which the kernel takes back when it needs them. */
  readonly fileMb: number;
  /** Of JavaScript, garbage that wasn't collected yet included. */
  readonly heapMb: number;
  /** Of JavaScript's, outside of its heap. */
  readonly buffersMb: number;
  readonly descriptors: number;
}

const MIB = 1024 * 1024;

/** `metrics`: what the process shows at /metrics. */
export function readMemory(pid: number, metrics: string): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const pagesMb = (kind: string) => Number(new RegExp(`^${kind}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024;
  const metricMb = (name: string) => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(metrics)?.[1]) / MIB;
  return {
    anonymousMb: pagesMb('RssAnon'),
    fileMb: pagesMb('RssFile'),
    heapMb: metricMb('nodejs_heap_size_used_bytes'),
    buffersMb: metricMb('nodejs_external_memory_bytes'),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  };
}

export function memoryText({ anonymousMb, fileMb, heapMb, buffersMb, descriptors }: ProcessMemory): string {
  const total = anonymousMb + fileMb;
  const parts = `${anonymousMb.toFixed(0)} of its own, ${fileMb.toFixed(0)} of files`;
  return `${total.toFixed(0)} MiB RSS (${parts}), heap ${heapMb.toFixed(0)}, buffers ${buffersMb.toFixed(0)}, ${descriptors} descriptors`;
}
