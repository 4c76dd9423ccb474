import { describe, optional, struct } from '../../lib/codec.ts'
import { transaction } from '../../ledger/domain.ts'
import { alsoKnownAs, displayName, identityOf, putIdentity, services } from './rows.ts'

/**
 * RFC 3986 as far as it matters here: a scheme, and printable ASCII that needs no quotes. Classes such as `\s` would
 * change with the platform's Unicode tables.
 */
const uri = /^[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-[\]_a-z~]+$/
const fragment = /^#[!$-;=?-[\]_a-z~]+$/

/** L43 */
export const update = transaction({
  kind: 'identity.update',
  doc: 'Changes what is publicly known of an identity: what is given replaces, what is left out stays.',
  path: '/api/identity/update',
  command: 'identity update',
  example: 'identity update --name "Weather agent"',
  body: struct({
    name: optional(describe(displayName, 'What people call it, at most 128 bytes; empty for none')),
    services: optional(
      describe(
        services,
        'Where it can be reached, as in DID core: at most 16 of {id, type, serviceEndpoint}; [] for none',
      ),
    ),
    alsoKnownAs: optional(describe(alsoKnownAs, 'Other URIs of the same subject, at most 16; [] for none')),
  }),
  rejections: {
    uri_is_malformed:
      'A service id is a URI or a fragment like #agent; serviceEndpoint and alsoKnownAs are URIs like https://….',
    service_is_named_twice: 'Two services have the same id.',
  },
  spends: () => 0n,
  apply(draft, { name, services, alsoKnownAs }, { sender }) {
    const before = identityOf(draft, sender)
    const endpoints = (services ?? []).map(({ serviceEndpoint }) => serviceEndpoint)
    const ids = (services ?? []).map(({ id }) => id)
    const isFit =
      [...endpoints, ...(alsoKnownAs ?? [])].every(given => uri.test(given)) &&
      ids.every(id => uri.test(id) || fragment.test(id))
    if (!isFit) return 'uri_is_malformed'
    if (new Set(ids).size < ids.length) return 'service_is_named_twice'

    putIdentity(draft, sender, {
      ...before,
      ...(name !== undefined && { name }),
      ...(services !== undefined && { services }),
      ...(alsoKnownAs !== undefined && { alsoKnownAs }),
    })
    return
  },
})
