/** Spans and points of time as Docker prints them. */

const SECOND_MS = 1000;

/** "Less than a second", "5 seconds", "About a minute", "2 hours", "3 weeks": rounding as Docker's. */
export function humanDuration(durationMs: number): string {
  const seconds = Math.trunc(durationMs / SECOND_MS);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  return humanHours(Math.trunc(durationMs / (3600 * SECOND_MS) + 0.5));
}

function humanHours(hours: number): string {
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  const days = Math.trunc(hours / 24);
  if (hours < 24 * 7 * 2) return `${days} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(days / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(days / 30)} months`;
  return `${Math.trunc(days / 365)} years`;
}

export function ago(timeMs: number, nowMs: number): string {
  return `${humanDuration(nowMs - timeMs)} ago`;
}

/** As Go prints a duration: "1m30s", "1.5s", "250ms", "0s". */
export function goDuration(durationMs: number): string {
  if (durationMs === 0) return '0s';
  const sign = durationMs < 0 ? '-' : '';
  const total = Math.abs(durationMs);
  if (total < SECOND_MS) return `${sign}${total}ms`;
  const hours = Math.trunc(total / 3_600_000);
  const minutes = Math.trunc((total % 3_600_000) / 60_000);
  const seconds = `${(total % 60_000) / SECOND_MS}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

/** Local time as Go's time.String prints it: "2025-11-03 09:05:00 +0100 CET". */
export function goTime(timeMs: number): string {
  const date = new Date(timeMs);
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}${two(Math.abs(offset) % 60)}`;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone} ${zoneName(date)}`;
}

function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' }).formatToParts(date);
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
}

function two(value: number): string {
  return String(Math.trunc(value)).padStart(2, '0');
}

/** RFC 3339 in UTC; a time that isn't set as Go's zero time. */
export function rfc3339(timeMs: number): string {
  return timeMs === 0 ? '0001-01-01T00:00:00Z' : new Date(timeMs).toISOString();
}

/** RFC 3339 with nanoseconds, as `logs -t` prints; takes nanoseconds since the epoch as decimal text. */
export function rfc3339Nano(timestampNs: string): string {
  const nanoseconds = BigInt(timestampNs === '' ? '0' : timestampNs);
  const whole = new Date(Number(nanoseconds / 1_000_000n)).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length);
  return `${whole}.${(nanoseconds % 1_000_000_000n).toString().padStart(9, '0')}Z`;
}
