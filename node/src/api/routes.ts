/** Every path of the API, in the order of the reference. */
import { type Ledger, struct } from '@claw-network/protocol'
import { approvalRoutes } from './approval-routes.ts'
import { chainRoutes } from './chain-routes.ts'
import { domainRoutes } from './domain-routes.ts'
import { nodeRoutes } from './node-routes.ts'
import { pagePolicy } from './reference-page.ts'
import { rawRoute, type Route } from './route.ts'
import { tokenRoutes } from './token-routes.ts'
import { transactionRoutes } from './transaction-routes.ts'

const openapi = rawRoute({
  method: 'GET',
  path: '/api/openapi.json',
  tag: 'reference',
  access: 'read',
  doc: 'This API as an OpenAPI 3.1 document.',
  input: struct({}),
  mediaType: 'application/json',
  open: ({ reference }, _, { response }) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-cache' })
    response.end(reference.openapi)
  },
})

const page = rawRoute({
  method: 'GET',
  path: '/api/docs',
  tag: 'reference',
  access: 'read',
  doc: 'The same as a page to read.',
  input: struct({}),
  mediaType: 'text/html',
  open: ({ reference }, _, { response }) => {
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-cache',
      'content-security-policy': pagePolicy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
    })
    response.end(reference.page)
  },
})

export function apiRoutes(ledger: Ledger): readonly Route[] {
  return [
    ...nodeRoutes,
    ...domainRoutes(ledger),
    ...transactionRoutes,
    ...chainRoutes,
    ...tokenRoutes,
    ...approvalRoutes,
    openapi,
    page,
  ]
}
