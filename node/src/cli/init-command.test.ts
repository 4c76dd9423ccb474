import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { mnemonicOf } from '@claw-network/protocol'
import { clawnet } from '../../../test/helpers/command-line.ts'

const directory = mkdtempSync(join(tmpdir(), 'clawnet-init-'))
after(() => rmSync(directory, { recursive: true }))
const zeroWords = mnemonicOf(new Uint8Array(32))
const zeroDid = 'did:claw:z6MkjxnbiAHH5XSbc2LxsUTYqb8fs2rXAgwkCRGJdKdKGbYm'

function fresh(name: string): string {
  return join(directory, name)
}

/** Runs with an open descriptor on a file of its own, and answers with the file's text. */
async function withFile<T>(
  flags: 'r' | 'w',
  text: string,
  run: (descriptor: number) => Promise<T>,
): Promise<[T, string]> {
  const file = fresh(`fd-${Math.random()}`)
  writeFileSync(file, text)
  const descriptor = openSync(file, flags)
  try {
    return [await run(descriptor), readFileSync(file, 'utf8')]
  } finally {
    closeSync(descriptor)
  }
}

test('init makes a local network of one’s own, and shows the words once, on the terminal', async () => {
  const home = fresh('first')
  const made = await clawnet(['init'], { home, isTerminal: true })
  assert.equal(made.code, 0, made.stderr)
  assert.match(made.stderr, /✓ DID: did:claw:z6Mk/)
  const words = [...made.stderr.matchAll(/ {2}\d+ ([a-z]{3,8})\b/g)].map(match => match[1])
  assert.equal(words.length, 24)
  assert.match(made.stderr, /clawnetd +start the node/)

  const written = readdirSync(home, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  for (const file of written) {
    const text = readFileSync(join(file.parentPath, file.name), 'utf8')
    assert.ok(!text.includes(words.slice(0, 3).join(' ')), file.name)
    assert.equal(statSync(join(file.parentPath, file.name)).mode & 0o077, 0, file.name)
  }
  assert.match(readFileSync(join(home, 'config.yaml'), 'utf8'), /^network: local$/m)

  const restored = await clawnet(['init', '--restore', '--json'], {
    home: fresh('restored'),
    isTerminal: true,
    typed: [`${words.join(' ')}\r`],
  })
  assert.equal(restored.json.did, /did:claw:\w+/.exec(made.stderr)?.[0])
  assert.ok(!restored.stderr.includes(words.slice(0, 3).join(' ')))
})

test('init answers like the description, in Chinese', async () => {
  const home = fresh('chinese')
  const [{ stderr }] = await withFile('w', '', fd =>
    clawnet(['init', '--mnemonic-fd', String(fd), '--lang', 'zh'], { home }),
  )
  assert.match(
    stderr,
    /ClawNet Node 初始化\n━+\n✓ 生成密钥对\n✓ 创建 DID: did:claw:z6Mk\w+\n✓ 配置保存到 .*config\.yaml\n✓ 私钥加密保存到 .*keys\//,
  )
})

test('a second init changes nothing', async () => {
  const home = fresh('twice')
  const run = () => withFile('w', '', fd => clawnet(['init', '--mnemonic-fd', String(fd)], { home }))
  await run()
  const before = readdirSync(join(home, 'keys'))
  const [second, words] = await run()
  assert.equal(second.code, 9)
  assert.match(second.stderr, /has a wallet already/)
  assert.equal(words, '')
  assert.deepEqual(readdirSync(join(home, 'keys')), before)
})

test('the words go to a descriptor, and never into the answer', async () => {
  const [made, words] = await withFile('w', '', fd =>
    clawnet(['init', '--mnemonic-fd', String(fd), '--json'], { home: fresh('fd') }),
  )
  assert.equal(words.trim().split(' ').length, 24)
  assert.ok(!(made.stdout + made.stderr).includes(words.trim()))
  assert.deepEqual(Object.keys(made.json), ['schema', 'did', 'address', 'network', 'home'])
})

test('a closed descriptor is refused before anything is made', async () => {
  const home = fresh('closed')
  const { code, stderr } = await clawnet(['init', '--mnemonic-fd', '999'], { home })
  assert.equal(code, 2)
  assert.match(stderr, /cannot write fd 999/)
  assert.throws(() => statSync(home))
})

test('24 words bring the same DID back, wrong ones are refused without being repeated', async () => {
  const restore = (words: string, home: string) =>
    withFile('r', words, fd =>
      clawnet(['init', '--restore', '--mnemonic-fd', String(fd), '--json'], { home: fresh(home) }),
    )
  const [restored] = await restore(`${zeroWords.toUpperCase()}\n`, 'zero')
  assert.equal(restored.json.did, zeroDid)
  const [wrong] = await restore(zeroWords.replace('abandon', 'lobster'), 'wrong')
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /checksum/)
  assert.ok(!wrong.stderr.includes('lobster'))
})

test('a mistyped word can be typed again', async () => {
  const { json, stderr } = await clawnet(['init', '--restore', '--json'], {
    home: fresh('again'),
    isTerminal: true,
    typed: ['abandon\r', `${zeroWords}\r`],
  })
  assert.equal(json.did, zeroDid)
  assert.match(stderr, /must be 24 words, has 1/)
})

test('a network of others needs their genesis file and a passphrase, asked for twice', async () => {
  const genesis = fresh('testnet.json')
  await clawnet(['genesis', 'new', genesis, '--network', 'testnet'])
  await clawnet(['genesis', 'add', genesis, zeroDid, '--stake', '5', '--consensus-key', `0x${'11'.repeat(32)}`])
  // The last two answers come at once, as from a fast typist.
  const typed = ['one\r', 'other\r', 'secret\rsecret\r']
  const home = fresh('joined')
  const joined = await clawnet(['init', '--genesis', genesis, '--json'], { home, isTerminal: true, typed })
  assert.equal(joined.code, 0, joined.stderr)
  assert.equal(joined.json.network, 'testnet')
  assert.match(joined.stderr, /The two differ/)
  assert.deepEqual(readFileSync(join(home, 'genesis.json')), readFileSync(genesis))
  assert.ok(!readdirSync(join(home, 'keys')).includes('local.passphrase'))

  const other = await clawnet(['init', '--genesis', genesis, '--network', 'mainnet'], {
    home: fresh('other'),
    isTerminal: true,
  })
  assert.equal(other.code, 2)
  assert.match(other.stderr, /is the genesis file of a testnet network, not of mainnet/)
})
