/** The configuration in force: flags over environment over config.yaml over defaults, checked as a whole. */
import { readFileSync, statSync } from 'node:fs'
import { homedir, networkInterfaces } from 'node:os'
import { dirname, join } from 'node:path'
import { DecodeError, type Json } from '@claw-network/protocol'
import { closest } from '../spelling.ts'
import { readConfigText } from './config-file.ts'
import type { DaemonFlags } from './daemon-flags.ts'
import { type Place, path } from './kinds.ts'
import { type Origin, originText } from './origin.ts'
import { settleRelations } from './relations.ts'
import {
  type Basis,
  environmentName,
  fallbackValue,
  type SettingKey,
  type SettingValues,
  settingKeys,
  settingOf,
} from './settings.ts'

/** Everything that is wrong with the configuration, one sentence each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

export interface Config {
  /** `~/.clawnet`, or where CLAWNET_HOME moves it. */
  readonly home: string
  readonly values: SettingValues
  readonly origins: { readonly [K in SettingKey]: Origin }
  /** What the user should know though it stops nothing. */
  readonly warnings: readonly string[]
}

/** What the configuration takes from the process and the machine it runs on. */
export interface Surroundings {
  readonly environment: { readonly [variable: string]: string | undefined }
  readonly userHome: string
  readonly workingDirectory: string
  readonly hasIpv6: boolean
}

export function processSurroundings(): Surroundings {
  return {
    environment: process.env,
    userHome: homedir(),
    workingDirectory: process.cwd(),
    hasIpv6: Object.values(networkInterfaces()).some(addresses => addresses?.some(({ family }) => family === 'IPv6')),
  }
}

/** How paths in flags and in the environment are read; its `home` is the node's. */
export function placeIn({ environment, userHome, workingDirectory }: Surroundings): Place {
  const place: Place = { home: join(userHome, '.clawnet'), userHome, directory: workingDirectory }
  const moved = environment['CLAWNET_HOME']
  return moved ? { ...place, home: path.fromText(moved, place) } : place
}

/** Throws ConfigError with all that is wrong. */
export function loadConfig(surroundings: Surroundings, flags?: DaemonFlags): Config {
  const place = placeIn(surroundings)
  const problems: string[] = []
  const warnings: string[] = []
  const layers: Layer[] = [
    flagLayer(flags),
    environmentLayer(surroundings.environment, place, problems, warnings),
    fileLayer(flags?.configFile, place, problems, warnings),
  ]
  if (problems.length > 0) throw new ConfigError(problems)

  const written = (key: SettingKey): Written | undefined => layers.find(layer => layer.has(key))?.get(key)
  const valueOf = <K extends SettingKey>(key: K): SettingValues[K] => {
    const value = written(key)
    return (value === undefined ? fallbackValue(settingOf(key), basis, place) : value.value) as SettingValues[K]
  }
  const basis: Basis = {
    get network() {
      return valueOf('network')
    },
    get p2pPort() {
      return valueOf('p2p.port')
    },
    hasIpv6: surroundings.hasIpv6,
  }
  const draft = {
    values: Object.fromEntries(settingKeys.map(key => [key, valueOf(key)])) as SettingValues,
    origins: Object.fromEntries(
      settingKeys.map(key => [key, written(key)?.origin ?? { from: 'default' }]),
    ) as Config['origins'],
  }
  const settled = settleRelations(draft)
  if (settled.problems.length > 0) throw new ConfigError(settled.problems)
  return { home: place.home, ...draft, values: settled.values, warnings: [...warnings, ...settled.warnings] }
}

/** The settings in force with the reason for each; secrets are only said to be set. */
export function effectiveSettings(config: Config): readonly { key: SettingKey; value: Json; origin: string }[] {
  return settingKeys.map(key => ({
    key,
    value: settingOf(key).kind.toJson(config.values[key]),
    origin: originText(config.origins[key]),
  }))
}

const variablePrefix = 'CLAWNET_'

interface Written {
  readonly value: unknown
  readonly origin: Origin
}
type Layer = ReadonlyMap<SettingKey, Written>

function flagLayer(flags: DaemonFlags | undefined): Layer {
  const entries = [...(flags?.settings ?? [])]
  return new Map(entries.map(([key, { value, flag }]) => [key, { value, origin: { from: 'flag', flag } }]))
}

function environmentLayer(
  environment: Surroundings['environment'],
  place: Place,
  problems: string[],
  warnings: string[],
): Layer {
  const layer = new Map<SettingKey, Written>()
  for (const key of settingKeys) {
    const variable = environmentName(key)
    const text = environment[variable]
    // Compose files and unit files hand over variables that are not set as empty ones.
    if (text === undefined || text === '') continue
    try {
      layer.set(key, { value: settingOf(key).kind.fromText(text, place), origin: { from: 'environment', variable } })
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      problems.push(`${variable}${error.field} ${error.problem}`)
    }
  }
  const known = settingKeys.map(environmentName)
  for (const variable of Object.keys(environment)) {
    if (!variable.startsWith(variablePrefix) || known.includes(variable)) continue
    const near = closest(
      variable.slice(variablePrefix.length),
      known.map(name => name.slice(variablePrefix.length)),
    )
    if (near === undefined) continue
    warnings.push(`${variable} is not a setting and does nothing; did you mean ${variablePrefix}${near}?`)
  }
  return layer
}

function fileLayer(chosen: string | undefined, place: Place, problems: string[], warnings: string[]): Layer {
  const file = chosen === undefined ? join(place.home, 'config.yaml') : path.fromText(chosen, place)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    // Without a file there are the defaults; but one that was asked for must be there.
    if (!isMissing || chosen !== undefined) {
      problems.push(`${file} cannot be read${isMissing ? ': there is no such file' : `: ${String(error)}`}`)
    }
    return new Map()
  }

  const reading = readConfigText(text, file, { ...place, directory: dirname(file) })
  problems.push(...reading.problems)
  const token = reading.values.get('api.token')
  if (token !== undefined && token.value !== null && isReadableByOthers(file)) {
    warnings.push(`${file}:${token.line}: other users of this machine can read api.token: run "chmod 600 ${file}"`)
  }
  const entries = [...reading.values]
  return new Map(entries.map(([key, { value, line }]) => [key, { value, origin: { from: 'file', file, line } }]))
}

function isReadableByOthers(file: string): boolean {
  return process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0
}
