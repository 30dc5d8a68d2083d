/** The version of this program. */
import packageJson from '../package.json' with { type: 'json' };

export function clientVersion(): string {
  return packageJson.version;
}

export function clientVersionLine(): string {
  return `Gantry version ${clientVersion()}\n`;
}
