/** Keeps secrets out of what is written down: docs/spec/keystore.md, K21. */

/** Longer texts are cut; peers and users choose some of what is logged. */
const textMax = 1000
/** Lists and objects are cut at this many entries, at this depth, and all of them together at this many values. */
const entriesMax = 50
const depthMax = 6
const valuesMax = 500

const hidden = '[redacted]'

/**
 * A value as JSON without secrets: fields with telling names lose their value, texts lose what looks like a mnemonic
 * or a credential. Takes anything, circular or not.
 */
export function redacted(value: unknown): unknown {
  return new Redaction().of(value, 0)
}

export function redactedText(text: string): string {
  // Twice the limit is looked at, so that a cut never leaves half a mnemonic unrecognised.
  const clean = text
    .slice(0, 2 * textMax)
    .replaceAll(mnemonicForm, hidden)
    .replaceAll(schemeForm, `$1 ${hidden}`)
    .replaceAll(assignmentForm, `$1${hidden}`)
  return clean.length > textMax || text.length > 2 * textMax ? `${clean.slice(0, textMax)}…` : clean
}

// BIP-39 words have 3 to 8 letters, and prose seldom has twelve such words in a row without a shorter or longer one.
// Numbered lists of words are met too.
const mnemonicForm = /(?<![a-z])(?:[a-z]{3,8}(?:[\s,;"]|\d+[.):]){1,8}){11,}[a-z]{3,8}(?![a-z])/gi
/** `Bearer x`, as in an Authorization header. */
const schemeForm = /\b(bearer|basic)\s+[^\s"',]+/gi
/** `passphrase=x`, `"token": "x y"`, `--api-token x`, also with escaped quotes. */
const assignmentForm =
  /((?:passphrase|password|mnemonic|secret|secretkey|privatekey|token|cookie|authorization)\\?["']?(?:\s*[:=]\s*|\s+(?=\S{16})))(?!\[redacted\])(\\?"(?:[^"\\]|\\[^"])*\\?"?|'[^']*'?|[^\s,}&"']+)/gi

/** Whether a field of this name holds a secret: apiToken, secret_key, Authorization; but not tokens or publicKey. */
function isSecretName(name: string): boolean {
  const plain = name.replaceAll(/[-_]/g, '').toLowerCase()
  return /(passphrase|password|mnemonic|secret|secretkey|privatekey|authorization|cookie|token|seed|entropy)$|^words$/.test(
    plain,
  )
}

class Redaction {
  #valuesLeft = valuesMax

  of(value: unknown, depth: number): unknown {
    this.#valuesLeft -= 1
    if (typeof value === 'string') return redactedText(value)
    if (typeof value === 'bigint') return value.toString()
    if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`
    if (typeof value !== 'object' || value === null) return value
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
    if (ArrayBuffer.isView(value)) return bytesText(value)
    if (depth >= depthMax || this.#valuesLeft < 0) return '[more]'
    if (value instanceof Error) return this.#error(value, depth)
    if (Array.isArray(value) || value instanceof Set) {
      const list = [...value]
      const shown = list.slice(0, entriesMax).map(entry => this.of(entry, depth + 1))
      return list.length > entriesMax ? [...shown, `… ${list.length - entriesMax} more`] : shown
    }
    const entries: [unknown, unknown][] = value instanceof Map ? [...value] : Object.entries(value)
    return Object.fromEntries(entries.slice(0, entriesMax).map(([key, field]) => this.#field(key, field, depth)))
  }

  #field(key: unknown, field: unknown, depth: number): [string, unknown] {
    const name = typeof key === 'string' || typeof key === 'number' ? String(key) : `[${typeof key}]`
    const isShown = field === undefined || field === null || !isSecretName(name)
    return [name, isShown ? this.of(field, depth + 1) : hidden]
  }

  #error(error: Error, depth: number): unknown {
    const { name, message, stack, cause } = error
    // Only the frames: the stack repeats the message.
    const frames = stack
      ?.split('\n')
      .filter(line => line.trimStart().startsWith('at '))
      .slice(0, 8)
    return {
      name,
      message: redactedText(message),
      ...('code' in error ? { code: this.of(error.code, depth + 1) } : {}),
      ...(frames === undefined ? {} : { stack: frames.map(frame => frame.trim()) }),
      ...(cause === undefined ? {} : { cause: this.of(cause, depth + 1) }),
    }
  }
}

function bytesText(view: ArrayBufferView): string {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength)
  return `0x${bytes.subarray(0, 32).toString('hex')}${bytes.length > 32 ? `… (${bytes.length} bytes)` : ''}`
}
