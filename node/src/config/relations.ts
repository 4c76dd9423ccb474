/** What settings say of each other. */
import { readFileSync } from 'node:fs'
import { type Origin, originText, strengthOf } from './origin.ts'
import type { SettingKey, SettingValues } from './settings.ts'

interface Draft {
  readonly values: SettingValues
  readonly origins: { readonly [K in SettingKey]: Origin }
}

export interface Settled {
  /** With what follows from other settings filled in. */
  readonly values: SettingValues
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

export function settleRelations({ values, origins }: Draft): Settled {
  const problems: string[] = []
  const warnings: string[] = []
  const token = settleToken({ values, origins }, problems, warnings)
  const bootstrap = values['p2p.bootstrap'].filter(address => !isPlaceholder(address, warnings))

  if (values['api.enabled']) {
    if (token === null && !isLoopback(values['api.host'])) {
      problems.push(
        `api.host is ${values['api.host']} (${originText(origins['api.host'])}), which other machines can reach, and there is no api.token: write one into a file and set api.tokenFile (--api-token-file), or set api.host to 127.0.0.1`,
      )
    }
    const shared = values['p2p.listen'].find(address => portOf(address) === values['api.port'])
    if (shared !== undefined && values['api.port'] !== 0) {
      const other = origins['p2p.listen'].from === 'default' ? 'p2p.port' : 'p2p.listen'
      problems.push(`${other} and api.port are both ${values['api.port']}: give one of them another port`)
    }
  }
  const { 'limits.maxTransferPerTx': perTx, 'limits.maxTransferPerDay': perDay } = values
  if (perTx !== null && perDay !== null && perTx > perDay) {
    warnings.push(
      `limits.maxTransferPerTx is ${perTx}, but limits.maxTransferPerDay allows ${perDay} in all: raise it, or set it to null`,
    )
  }
  return { values: { ...values, 'api.token': token, 'p2p.bootstrap': bootstrap }, problems, warnings }
}

/** The token itself, or the one in the token's file: whichever was said in the stronger place. */
function settleToken({ values, origins }: Draft, problems: string[], warnings: string[]): string | null {
  const { 'api.token': token, 'api.tokenFile': file } = values
  const [tokenStrength, fileStrength] = [strengthOf(origins['api.token']), strengthOf(origins['api.tokenFile'])]
  if (token !== null && file !== null && tokenStrength === fileStrength) {
    problems.push('api.token and api.tokenFile are both set: keep one')
    return token
  }
  if (file === null || (token !== null && tokenStrength > fileStrength)) {
    if (origins['api.token'].from === 'flag') {
      warnings.push(
        '--api-token shows the token to every user of this machine: put it in a file and use --api-token-file FILE',
      )
    }
    return token
  }

  try {
    const text = readFileSync(file, 'utf8').trim()
    if (text !== '') return text
    problems.push(`api.tokenFile: ${file} is empty: write the token into it`)
  } catch (error) {
    problems.push(`api.tokenFile: ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  return null
}

/** Examples end in "Qm..."; copied as they are they lead nowhere, and should keep nobody from starting. */
function isPlaceholder(address: string, warnings: string[]): boolean {
  const isExample = address.endsWith('...')
  if (isExample) warnings.push(`p2p.bootstrap: ${address} is an example and is skipped: replace it, or remove the line`)
  return isExample
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function portOf(address: string): number {
  return Number(address.split('/')[4])
}
