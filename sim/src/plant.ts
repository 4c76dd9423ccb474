/**
 * `node --import ./sim/src/plant.ts …` with PLANTED_BUG=<name> runs on our sources with that one edit in them. Nothing is
 * written: the edit happens while the module is loaded.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { plantedBugs } from './planted-bugs.ts'

const name = process.env['PLANTED_BUG']
const bug = plantedBugs.find(planted => planted.name === name)
if (bug === undefined) throw new Error(`there is no planted bug named ${name}`)

const target = new URL(`../../${bug.file}`, import.meta.url)

registerHooks({
  load(url, context, nextLoad) {
    if (url !== target.href) return nextLoad(url, context)
    const source = readFileSync(target, 'utf8')
    if (!source.includes(bug.find)) throw new Error(`${bug.file} has no place for "${bug.name}"`)
    return { format: 'module-typescript', source: source.replace(bug.find, () => bug.replace), shortCircuit: true }
  },
})
