import { readFileSync } from 'node:fs'

/** Of this package, which holds both the daemon and the command line. */
export const version: string = versionIn(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

function versionIn(packageJson: string): string {
  return (JSON.parse(packageJson) as { version: string }).version
}
