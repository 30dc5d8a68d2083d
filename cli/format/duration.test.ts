import { describe, expect, it } from 'vitest';
import { ago, goDuration, goTime, humanDuration, rfc3339, rfc3339Nano } from './duration.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('humanDuration', () => {
  it.each([
    [450, 'Less than a second'],
    [-5, 'Less than a second'],
    [SECOND, '1 second'],
    [1999, '1 second'],
    [45 * SECOND, '45 seconds'],
    [59_999, '59 seconds'],
    [60 * SECOND, 'About a minute'],
    [119 * SECOND, 'About a minute'],
    [2 * MINUTE, '2 minutes'],
    [59 * MINUTE, '59 minutes'],
    [60 * MINUTE, 'About an hour'],
    [89 * MINUTE, 'About an hour'],
    [90 * MINUTE, '2 hours'],
    [47 * HOUR, '47 hours'],
    [48 * HOUR, '2 days'],
    [13 * DAY, '13 days'],
    [14 * DAY, '2 weeks'],
    [59 * DAY, '8 weeks'],
    [60 * DAY, '2 months'],
    [364 * DAY, '12 months'],
    [729 * DAY, '24 months'],
    [730 * DAY, '2 years'],
  ])('%d ms is %s', (duration, expected) => {
    expect(humanDuration(duration)).toBe(expected);
  });
});

describe('ago', () => {
  it('is the time between', () => {
    expect(ago(1_000, 6_000)).toBe('5 seconds ago');
  });
});

describe('goDuration', () => {
  it.each([
    [0, '0s'],
    [250, '250ms'],
    [1500, '1.5s'],
    [90_000, '1m30s'],
    [5 * MINUTE, '5m0s'],
    [HOUR + 2 * SECOND, '1h0m2s'],
    [-90_000, '-1m30s'],
  ])('%d ms is %s', (duration, expected) => {
    expect(goDuration(duration)).toBe(expected);
  });
});

describe('points of time', () => {
  it('are RFC 3339 in UTC, and zero when not set', () => {
    expect(rfc3339(Date.UTC(2025, 10, 3, 9, 5, 0, 250))).toBe('2025-11-03T09:05:00.250Z');
    expect(rfc3339(0)).toBe('0001-01-01T00:00:00Z');
  });

  it('keep their nanoseconds in logs', () => {
    expect(rfc3339Nano('1762160700123456789')).toBe('2025-11-03T09:05:00.123456789Z');
    expect(rfc3339Nano('')).toBe('1970-01-01T00:00:00.000000000Z');
  });

  it('have their zone in lists', () => {
    expect(goTime(Date.UTC(2025, 10, 3, 9, 5, 0))).toMatch(/^2025-11-03 \d{2}:\d{2}:00 [+-]\d{4} \S+$/);
  });
});
