import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { clawnet } from '../../../test/helpers/command-line.ts'

const { stdout: bashScript } = await clawnet(['completion', 'bash'])

/** What bash offers when Tab is pressed at the end of these words. */
function offered(...words: string[]): string[] {
  const probe = `${bashScript}
COMP_WORDS=(clawnet "$@"); COMP_CWORD=$#; _clawnet; printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['-c', probe, 'bash', ...words], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
}

test('bash completes commands, their second words and their options', () => {
  assert.deepEqual(offered('tra'), ['transfer'])
  assert.ok(offered('').includes('devnet'))
  assert.deepEqual(offered('genesis', ''), ['new', 'add', 'verify'])
  assert.deepEqual(offered('--json', 'genesis', 'v'), ['verify'])
  assert.deepEqual(offered('transfer', 'did:claw:x', '5', '--me'), ['--memo'])
  assert.deepEqual(offered('devnet', 'up', '--no'), ['--nodes', '--node'])
})

test('zsh and fish get every command too', async () => {
  const zsh = (await clawnet(['completion', 'zsh'])).stdout
  assert.match(zsh, /^#compdef clawnet\n/)
  assert.match(zsh, /"genesis "\) candidates=\(new add verify\)/)
  const fish = (await clawnet(['completion', 'fish'])).stdout
  assert.match(fish, /-a transfer -d 'Pays Tokens to an address or DID\.'/)
  assert.match(fish, /-l memo -d /)
})
