/** What agent/bin/gantryd gives to Node, and gantryd to its manager. */
export const MANAGER_FLAGS = ['--max-semi-space-size=1', '--v8-pool-size=1'];
