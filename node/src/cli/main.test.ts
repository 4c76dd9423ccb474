import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { clawnet } from '../../../test/helpers/command-line.ts'
import { globalOptions } from './command.ts'
import { commands } from './commands.ts'
import { exitCodeDocs, exitCodeOf, exitCodes } from './exit-codes.ts'
import { renderCliReference } from './help.ts'
import { optionNameOf } from './values.ts'
import { parseUsage } from './usage.ts'

const directory = mkdtempSync(join(tmpdir(), 'clawnet-cli-'))
after(() => rmSync(directory, { recursive: true }))
const did = 'did:claw:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'

// The tables

test('every command has a name of its own, and a first example that it understands', () => {
  const names = commands.map(({ usage }) => parseUsage(usage).words.join(' '))
  assert.equal(new Set(names).size, names.length)
  for (const { usage, examples } of commands) {
    assert.ok(examples.length > 0, usage)
  }
})

test('an option takes a value everywhere or nowhere, so a line can be split before its command is known', () => {
  const takesValue = new Map<string, boolean>()
  for (const { name, value } of [...globalOptions, ...commands.flatMap(({ options }) => options)]) {
    const known = takesValue.get(name)
    assert.ok(known === undefined || known === (value !== undefined), `--${name}`)
    takesValue.set(name, value !== undefined)
  }
})

test('no command has an option twice, or one that means something else everywhere', () => {
  for (const { usage, options } of commands) {
    const names = [...globalOptions, ...options].map(({ name }) => name)
    assert.equal(new Set(names).size, names.length, usage)
    for (const { name } of parseUsage(usage).positionals) assert.ok(!names.includes(optionNameOf(name)), usage)
  }
})

test('the reference has every command and every exit code', () => {
  const reference = renderCliReference()
  for (const { usage } of commands) assert.ok(reference.includes(`\`clawnet ${usage}\``), usage)
  for (const code of Object.values(exitCodes)) assert.ok(exitCodeDocs.some(([documented]) => documented === code))
})

// Help

test('help begins with examples, and names every command', async () => {
  const { code, stdout } = await clawnet(['--help'])
  assert.equal(code, 0)
  assert.ok(stdout.indexOf('Examples') < stdout.indexOf('Accounts'))
  for (const { usage } of commands) assert.ok(stdout.includes(`  ${usage} `), usage)
})

test('help for one command is its example, usage and options', async () => {
  const { stdout } = await clawnet(['help', 'block'])
  assert.equal(
    stdout,
    `Examples
  clawnet block 12
  clawnet block

Usage
  clawnet block [height]

Shows a final block, by height or hash; by default the latest.

--json --quiet --lang --home --node --api --token-file --help --version work with every command: "clawnet help" explains them.
`,
  )
  assert.equal((await clawnet(['block', '--help'])).stdout, stdout)
})

test('a word that begins several commands lists them', async () => {
  const alone = await clawnet(['genesis'])
  assert.equal(alone.code, 2)
  assert.match(alone.stdout, /genesis new <file>[^]*genesis add <file> \[address\][^]*genesis verify/)
  assert.equal((await clawnet(['help', 'genesis'])).code, 0)
})

test('the version is data', async () => {
  assert.equal((await clawnet(['--version', '--json'])).json.schema, 'clawnet.version.v1')
  assert.match((await clawnet(['-V'])).stdout, /^\d+\.\d+\.\d+\n$/)
})

// Command lines that cannot be

const noFile = join(directory, 'missing')
const notGenesis = join(directory, 'not-genesis.json')
writeFileSync(notGenesis, '{"network": "local"}')

const badLines: readonly (readonly [line: string, says: RegExp])[] = [
  ['transfr', /no command "transfr"; did you mean "clawnet transfer"\?/],
  ['identiy lst', /did you mean "clawnet identity list"\?/],
  ['wibblewobble', /"clawnet help" lists them/],
  ['genesis frobnicate', /no command "genesis frobnicate"/],
  ['genesis verfy x', /did you mean "clawnet genesis verify"\?/],
  ['status --lang fr', /lang: must be one of en, zh/],
  ['transfer', /<to> is missing: clawnet transfer <to> <amount>/],
  [`transfer ${did}`, /<amount> is missing/],
  [`transfer ${did} 5 6`, /"6" is one argument too many/],
  [`transfer ${did} 0`, /amount: must be an integer number of Tokens, from 1 to 9007199254740991; "0" was given/],
  [`transfer ${did} -1`, /amount: must be .*"-1" was given/],
  [`transfer ${did} 1.5`, /amount: must be .*"1\.5" was given/],
  [`transfer ${did} 1e3`, /amount: must be .*"1e3" was given/],
  [`transfer ${did} 0x10`, /amount: must be .*"0x10" was given/],
  [`transfer ${did} 1,000`, /amount: must be .*"1,000" was given/],
  [`transfer ${did} 9007199254740992`, /amount: must be /],
  [`transfer ${did} ten`, /amount: must be .*"ten" was given/],
  ['transfer bob 5', /to: must be an address \(claw1…\) or a DID/],
  [`transfer ${did}x 5`, /to: is not a DID/],
  ['transfer claw16fqn56d2x7wy0sj4u5kphakzd6g8vtevsdy32q 5', /to: .*checksum/],
  [`transfer ${did} 5 --ammo x`, /unknown option --ammo; did you mean --memo\?/],
  [`transfer ${did} 5 --memo`, /--memo needs a value: --memo TEXT/],
  [`transfer ${did} 5 --memo a --memo b`, /--memo is given twice/],
  [`transfer ${did} 5 --memo ${'x'.repeat(257)}`, /memo: must have 0 to 256 bytes, has 257/],
  [`transfer ${did} 5 --no-wait=1`, /--no-wait takes no value/],
  [`transfer ${did} 5 --follow`, /"clawnet transfer" has no option --follow/],
  [`transfer ${did} 5 --nonce 0`, /nonce: must be an integer from 1 /],
  [`transfer ${did} 5 --fee -1`, /fee: must be /],
  [`transfer ${did} 5 --prev abc`, /prev: must be 32 bytes/],
  [`transfer ${did} 5 --timeout 0`, /timeout: must be an integer from 1 to 3600/],
  [`transfer ${did} 5 --passphrase x`, /stays in the shell history/],
  [`transfer ${did} 5 --passphrase-file a --passphrase-stdin`, /only one of --passphrase-file, --passphrase-stdin/],
  [`transfer ${did} 5 --passphrase-file ${noFile}`, /cannot read .*missing/],
  [`transfer ${did} 5 --passphrase-fd x`, /--passphrase-fd must be the number/],
  ['balance --api localhost:9528', /--api must be an address like/],
  [`balance --token-file ${noFile}`, /cannot read/],
  ['balance --node 0', /--node must be the number of a devnet node/],
  ['history --limit 1000', /limit: must be an integer from 1 to 200/],
  ['wait --for dinner', /for: must be ready, synced or tx:/],
  ['wait --for tx:0x12', /for: must be/],
  ['logs --level loud', /level: must be one of debug, info, warn, error/],
  ['logs --since lately', /since: must be a time like/],
  ['unlock --for 1000000', /for: must be an integer from 1 to 86400/],
  ['lock somebody', /did: must be a DID/],
  ['init --network moon', /network: must be one of mainnet, testnet, local/],
  ['init --network testnet', /genesis file is needed/],
  [`init --genesis ${noFile}`, /cannot read/],
  [`init --genesis ${notGenesis}`, /cannot read .*not-genesis\.json: name: is missing/],
  ['init', /the 24 words are shown on a terminal only/],
  ['init --restore', /asked for on a terminal only/],
  ['genesis new', /<file> is missing/],
  [`genesis verify ${noFile}`, /cannot read/],
  [`genesis verify ${notGenesis}`, /name: is missing/],
  ['devnet up --nodes 0', /nodes: must be an integer from 1 to 16/],
  ['devnet up --base-port 80', /base-port: must be an integer from 1024/],
]

for (const [line, says] of badLines) {
  test(`clawnet ${line.length > 80 ? `${line.slice(0, 80)}…` : line} is refused, and says why`, async () => {
    const { code, stdout, stderr } = await clawnet(line.split(' '), { home: join(directory, 'home') })
    assert.equal(code, exitCodes.usage, stderr)
    assert.match(stderr, says)
    assert.equal(stdout, '')
    assert.doesNotMatch(stderr, /\n\s+at /)
  })
}

test('with --json a refusal is one line of JSON', async () => {
  const { stderr } = await clawnet(['transfer', did, '1.5', '--json'])
  const error = JSON.parse(stderr)
  assert.equal(error.schema, 'clawnet.error.v1')
  assert.equal(error.exitCode, 2)
  assert.match(error.detail, /amount/)
})

// No node

test('without a node the answer is what to start, and exit code 3', async () => {
  for (const line of [
    ['status'],
    ['balance'],
    ['transfer', did, '5'],
    ['wait', '--timeout', '1'],
    ['stop'],
    ['peers'],
  ]) {
    const { code, stderr } = await clawnet(line, { home: directory, environment: { CLAWNET_API_PORT: '1' } })
    assert.equal(code, exitCodes.noDaemon, line.join(' ') + stderr)
  }
})

test('a configuration that is wrong in two places is told line by line', async () => {
  const home = join(directory, 'misconfigured')
  mkdirSync(home)
  writeFileSync(join(home, 'config.yaml'), 'network: moon\nnodes: 4\n')
  const { code, stderr } = await clawnet(['config', 'show'], { home })
  assert.equal(code, exitCodes.failure)
  assert.match(stderr, /config\.yaml:1: network must be .*\n.*config\.yaml:2: nodes is not a setting.*\n$/)
})

test('a word that begins with a dash can follow --', async () => {
  const { stderr } = await clawnet(['transfer', '--', did, '-x'])
  assert.match(stderr, /amount: must be .*"-x" was given/)
})

// Exit codes

test('every kind of problem has its exit code', () => {
  const cases: [status: number, code: string, exit: number][] = [
    [400, 'malformed', 2],
    [401, 'passphrase_is_wrong', 5],
    [403, 'read_only', 5],
    [403, 'exceeds_limit_per_tx', 7],
    [404, 'not_found', 8],
    [409, 'nonce_is_used', 9],
    [413, 'body_is_too_large', 2],
    [415, 'body_is_not_json', 2],
    [422, 'funds_are_short', 6],
    [422, 'fee_is_not_covered', 6],
    [422, 'fee_is_too_low', 1],
    [429, 'too_many_attempts', 5],
    [429, 'nonce_is_too_far', 7],
    [500, 'internal_error', 1],
    [503, 'node_is_syncing', 4],
  ]
  for (const [status, code, exit] of cases) assert.equal(exitCodeOf({ status, code }), exit, code)
})

// Languages

test('the language follows --lang, then the environment', async () => {
  const chinese = /没有 "transfr" 命令/
  assert.match((await clawnet(['transfr', '--lang', 'zh'])).stderr, chinese)
  assert.match((await clawnet(['status', '--jason', '--lang=zh'])).stderr, /未知选项 --jason，您是想用 --json 吗？/)
  assert.match((await clawnet(['transfr'], { environment: { LANG: 'zh_CN.UTF-8' } })).stderr, chinese)
  assert.match(
    (await clawnet(['transfr'], { environment: { LC_ALL: 'C', LANG: 'zh_CN.UTF-8' } })).stderr,
    /there is no/,
  )
  assert.match((await clawnet(['transfr', '--lang', 'en'], { environment: { LANG: 'zh_CN' } })).stderr, /there is no/)
})
