/** All the troubles that a cluster can have. What each does stands in faults.ts. */
export const FAULT_NAMES = [
  'crash',
  'crash leader',
  'crash all',
  'partition',
  'isolate leader',
  'one-way partition',
  'stop',
  'clock',
  'slow disk',
  'campaign',
  'report unreachable',
  'snapshot',
  'forget leader',
] as const;

export type FaultName = (typeof FAULT_NAMES)[number];
