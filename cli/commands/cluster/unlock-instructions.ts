/** What a user must know who has just been given an unlock key. */
export function unlockInstructions(unlockKey: string): string {
  return `To unlock a manager after it restarts, run the \`gantry cluster unlock\`
command and provide the following key:

    ${unlockKey}

Keep it where you keep passwords: without it a manager that was restarted
can't read its log, and a backup can't be restored.
`;
}
