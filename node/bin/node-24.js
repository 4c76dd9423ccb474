/*
 * Runs a module of this package on Node 24 or newer. An older Node reads this file first, so it keeps to the syntax that
 * Node 12 knows.
 */
import { spawn } from 'child_process'
import { existsSync, fstatSync } from 'fs'
import { dirname, join } from 'path'
import { fileURLToPath } from 'url'

var here = dirname(fileURLToPath(import.meta.url))

/** `name` is that of a module below src/ or dist/ with a function `main(argv)` that answers with the exit code. */
export function runOnNode24(name, script) {
  if (Number(process.versions.node.split('.')[0]) >= 24) {
    run(name)
    return
  }
  var newer = bundledNode()
  if (newer === undefined) {
    process.stderr.write(
      'clawnet needs Node.js 24 or newer, and this is ' +
        process.version +
        ': install it from https://nodejs.org, then run the same command again.\n',
    )
    process.exitCode = 1
    return
  }
  passOn(newer, script)
}

function run(name) {
  // The sources run unbuilt in the tests of a checkout.
  var fromSource = process.execArgv.indexOf('--conditions=clawnet-source') >= 0
  import(fromSource ? '../src/' + name + '.ts' : '../dist/' + name + '.js').then(
    function (module) {
      return module.main(process.argv.slice(2)).then(function (code) {
        process.exitCode = code
      })
    },
    function (error) {
      if (error.code !== 'ERR_MODULE_NOT_FOUND' || fromSource) throw error
      process.stderr.write('clawnet is not built yet: run "npm run build" first.\n')
      process.exitCode = 1
    },
  )
}

/** In a checkout, npm installs a Node of its own beside the other packages. */
function bundledNode() {
  var platform = process.platform === 'win32' ? 'win' : process.platform
  var file = process.platform === 'win32' ? 'node.exe' : 'node'
  for (var directory = here; directory !== dirname(directory); directory = dirname(directory)) {
    var candidate = join(directory, 'node_modules', 'node-' + platform + '-' + process.arch, 'bin', file)
    if (existsSync(candidate)) return candidate
  }
  return undefined
}

/** The same command line on another Node, which gets the signals and gives the exit code. */
function passOn(node, script) {
  var argv = process.argv.slice(2)
  var child = spawn(node, process.execArgv.concat(script, argv), { stdio: descriptorsFor(argv) })
  var signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  signals.forEach(function (signal) {
    process.on(signal, function () {
      // The terminal sends SIGINT to both; more than one does no harm.
      if (signal !== 'SIGINT') child.kill(signal)
    })
  })
  child.on('exit', function (code, signal) {
    signals.forEach(function (name) {
      process.removeAllListeners(name)
    })
    if (signal !== null) process.kill(process.pid, signal)
    else process.exitCode = code
  })
}

/** Standard streams, and the open descriptors that the line names, such as `--mnemonic-fd 3`. */
function descriptorsFor(argv) {
  var named = []
  argv.forEach(function (word, index) {
    var option = /^--[a-z]+-fd(?:=(.*))?$/.exec(word)
    if (option !== null) named.push(Number(option[1] === undefined ? argv[index + 1] : option[1]))
  })
  var stdio = ['inherit', 'inherit', 'inherit']
  // Where one is not open none is passed on, so that the command itself finds it closed and says so.
  if (!named.every(isPassable)) return stdio
  named.forEach(function (descriptor) {
    while (stdio.length <= descriptor) stdio.push('ignore')
    if (descriptor > 2) stdio[descriptor] = descriptor
  })
  return stdio
}

function isPassable(descriptor) {
  if (!(descriptor >= 0 && descriptor < 256)) return false
  try {
    fstatSync(descriptor)
    return true
  } catch {
    // Not open.
    return false
  }
}
