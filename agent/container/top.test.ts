import { expect, it } from 'vitest';
import { parseProcesses } from './top.ts';

it('reads what ps writes, with spaces in commands', () => {
  const output = `UID          PID    PPID  C STIME TTY          TIME CMD
root           1       0  0 10:00 ?        00:00:01 sh -c sleep 10;  true
nobody        12       1  3 10:01 pts/0    00:00:00 top
`;
  expect(parseProcesses(output)).toEqual({
    titles: ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'],
    processes: [
      ['root', '1', '0', '0', '10:00', '?', '00:00:01', 'sh -c sleep 10; true'],
      ['nobody', '12', '1', '3', '10:01', 'pts/0', '00:00:00', 'top'],
    ],
  });
});
