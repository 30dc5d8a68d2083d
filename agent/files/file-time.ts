/** Times as node:fs takes them: it takes a number below zero, a time before 1970, for "now", but not a Date. Pure. */

export function fileTime(seconds: number): number | Date {
  return seconds < 0 ? new Date(seconds * 1000) : seconds;
}
