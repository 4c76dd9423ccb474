/** Looks for secrets in what a node wrote and said. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Secret {
  readonly name: string
  /** Each of its forms gives it away. */
  readonly forms: readonly Buffer[]
}

/** As it is, and as JSON, URLs, base64 and hex carry it. */
export function secretText(name: string, text: string): Secret {
  const written = [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    new URLSearchParams([['', text]]).toString().slice(1),
  ]
  const forms = [...new Set(written)].map(form => Buffer.from(form))
  return { name, forms: [...forms, ...encodedForms(Buffer.from(text))] }
}

export function secretBytes(name: string, bytes: Uint8Array): Secret {
  return { name, forms: [Buffer.from(bytes), ...encodedForms(Buffer.from(bytes))] }
}

/** Four words in their order are no accident; what stands between them does not matter. */
const wordsInOrder = 4

export class SecretSearch {
  readonly #secrets: readonly Secret[]
  readonly #sequences: readonly string[]

  constructor(secrets: readonly Secret[], mnemonic: string) {
    this.#secrets = secrets
    const words = mnemonic.trim().split(/\s+/)
    this.#sequences = words
      .slice(0, 1 - wordsInOrder)
      .map((_, index) => ` ${words.slice(index, index + wordsInOrder).join(' ')} `)
  }

  /** What is found in it, by name. */
  in(content: string | Uint8Array): readonly string[] {
    const bytes = Buffer.from(content)
    const found = this.#secrets.filter(({ forms }) => forms.some(form => bytes.includes(form)))
    const prose = ` ${bytes
      .toString('latin1')
      .toLowerCase()
      .replaceAll(/[^a-z]+/g, ' ')} `
    const hasWords = this.#sequences.some(sequence => prose.includes(sequence))
    return [...found.map(({ name }) => name), ...(hasWords ? ['words of the mnemonic'] : [])]
  }

  /** `file: secret` for every file below, except those that `isMeant` to hold it. */
  below(
    directory: string,
    isMeant: (file: string) => boolean,
  ): { readonly files: number; readonly found: readonly string[] } {
    const files = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(directory.length + 1))
      .filter(file => !isMeant(file))
    const found = files.flatMap(file =>
      this.in(readFileSync(join(directory, file))).map(secret => `${file}: ${secret}`),
    )
    return { files: files.length, found }
  }
}

/** Base64 in the one of its three shifts that begins with the secret, and hex. */
function encodedForms(bytes: Buffer): Buffer[] {
  const whole = bytes.subarray(0, bytes.length - (bytes.length % 3))
  return [...new Set([whole.toString('base64'), whole.toString('base64url'), bytes.toString('hex')])].map(form =>
    Buffer.from(form),
  )
}
