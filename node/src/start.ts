/** `npm start`: a local network of one's own, made on the first run, in the foreground. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { accountAt, addressOf, formatAddress, walletEntropyBytes } from '@claw-network/protocol'
import type { StartReport } from './background.ts'
import { main as runClawnetd } from './clawnetd.ts'
import { placeIn, processSurroundings } from './config/config.ts'
import type { RunningNode } from './daemon.ts'
import { configFileIn, createKeys, foundLocalNetwork, hasKeys, readFounder, settle } from './home.ts'

/** Somebody to pay in the first example; nobody has the key. */
const exampleDid = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'

export async function main(argv: readonly string[]): Promise<number> {
  const { home } = placeIn(processSurroundings())
  if (!existsSync(configFileIn(home))) {
    process.stdout.write(`Making a local network of your own in ${home}\n`)
    const founder = hasKeys(home)
      ? readFounder(home)
      : await createKeys(home, { walletEntropy: randomBytes(walletEntropyBytes) })
    settle(home, foundLocalNetwork('local', [founder], Date.now()))
  }
  return runClawnetd(['--foreground', ...argv], greeting)
}

function greeting({ did, chain }: RunningNode, { apiUrl }: StartReport): string {
  const lines: string[] = []
  if (did !== undefined) {
    const account = addressOf(did)
    const { available, locked } = accountAt(chain.view, account)
    lines.push(
      `Address: ${formatAddress(account)}`,
      `Funds:   ${available} Tokens, and ${locked} as the validator’s stake`,
    )
  }
  if (apiUrl !== undefined) lines.push(`Reference of the API: ${apiUrl}/api/docs`)
  const home = process.env['CLAWNET_HOME']
  const prefix = home === undefined ? '' : `CLAWNET_HOME=${home} `
  const commands = ['balance', `transfer ${exampleDid} 10 --memo hello`, 'history']
  lines.push(
    '',
    'In a second terminal, in this directory:',
    ...commands.map(command => `  ${prefix}npx clawnet ${command}`),
  )
  return `${lines.join('\n')}\n\n`
}
