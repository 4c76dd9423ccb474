/** A real browser, for what only a browser does: origins, preflights, forms, policies. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome']

/** Undefined where this machine has none. */
export function chromiumPath(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap(place => names.map(name => join(place, name)))
    .find(isProgram)
}

/** Why tests with a browser are left out here; false where they run. CI has a browser or fails. */
export function noChromium(): string | false {
  if (chromiumPath() !== undefined || process.env['CI'] === 'true') return false
  return 'there is no chromium in PATH: "apt-get install chromium" brings it'
}

export interface BrowserOptions {
  /** Names that lead to an address of this machine. */
  readonly hosts?: { readonly [name: string]: string }
}

export async function startChromium({ hosts = {} }: BrowserOptions = {}): Promise<Browser> {
  const executablePath = chromiumPath()
  if (executablePath === undefined) throw new Error('there is no chromium in PATH')
  const rules = Object.entries(hosts).map(([name, address]) => `MAP ${name} ${address}`)
  return chromium.launch({ executablePath, args: [`--host-resolver-rules=${rules.join(',')}`] })
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false // the next place may have it
  }
}
