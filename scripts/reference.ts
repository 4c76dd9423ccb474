/** Writes docs/reference from the tables that the code itself reads. `npm run reference` */
import { mkdirSync, writeFileSync } from 'node:fs'
import { ledger } from '@claw-network/protocol'
import { openapiOf } from '../node/src/api/openapi.ts'
import { Rejections } from '../node/src/api/problems.ts'
import { renderHttpReference } from '../node/src/api/reference-markdown.ts'
import { apiRoutes } from '../node/src/api/routes.ts'
import { mempoolCodes } from '../node/src/chain/mempool.ts'
import { renderCliReference } from '../node/src/cli/help.ts'
import { renderConfigReference } from '../node/src/config/reference.ts'
import { version } from '../node/src/version.ts'

export const directory: URL = new URL('../docs/reference/', import.meta.url)

/** The text of every file in docs/reference. */
export function references(): ReadonlyMap<string, string> {
  const openapi = openapiOf(apiRoutes(ledger), { version, rejections: new Rejections(ledger, mempoolCodes) })
  return new Map([
    ['http.md', renderHttpReference(openapi)],
    ['openapi.json', `${JSON.stringify(openapi, undefined, 2)}\n`],
    ['cli.md', renderCliReference()],
    ['config.md', renderConfigReference()],
  ])
}

if (import.meta.main) {
  mkdirSync(directory, { recursive: true })
  for (const [name, text] of references()) writeFileSync(new URL(name, directory), text)
}
