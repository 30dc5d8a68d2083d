/** How long certificates are valid. Apart from what makes them, which is slow to load. */
const DAY_MS = 24 * 3_600_000;

export const NODE_CERTIFICATE_LIFE_MS = 90 * DAY_MS;
export const ROOT_CERTIFICATE_LIFE_MS = 20 * 365 * DAY_MS;
/** A certificate is valid from so long before it was made: clocks of nodes may differ by as much. */
export const CLOCK_SKEW_MS = 2 * 3_600_000;
/** For so long after its end a certificate is still renewed for whoever has its key: hosts are switched off for months. */
export const LONGEST_EXPIRED_MS = 365 * DAY_MS;
