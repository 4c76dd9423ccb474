/** /api/docs: the reference as one page without scripts, fonts or pictures from anywhere. */
import { createHash } from 'node:crypto'
import type { OpenApi } from './openapi.ts'
import { titleOf } from './problems.ts'
import { entriesByTag, type FieldRow, type ReferenceEntry } from './reference-rows.ts'

const style = `
:root { color-scheme: light dark; --ink: #1b2430; --dim: #5d6b7c; --line: #dfe5ec; --paper: #ffffff; --shade: #f4f6f9; --accent: #0f6b5c; --post: #9a4a00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ef; --dim: #94a3b4; --line: #2c3642; --paper: #12171d; --shade: #1a2129; --accent: #4fc3ae; --post: #f0a35e; }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 16px/1.55 system-ui, sans-serif; }
.frame { display: grid; grid-template-columns: 17rem minmax(0, 1fr); max-width: 82rem; margin: 0 auto; }
nav { position: sticky; top: 0; align-self: start; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem 3rem 1.5rem; border-right: 1px solid var(--line); font-size: .82rem; }
nav h2 { margin: 1.2rem 0 .25rem; font-size: .72rem; text-transform: uppercase; letter-spacing: .08em; color: var(--dim); }
nav a { display: flex; gap: .5em; padding: .12rem 0; color: var(--ink); text-decoration: none; overflow-wrap: anywhere; }
nav a:hover { color: var(--accent); }
main { padding: 2rem 2.5rem 5rem; }
h1 { margin: 0 0 .25rem; font-size: 1.9rem; }
main > h2 { margin: 3.5rem 0 0; padding-bottom: .35rem; border-bottom: 1px solid var(--line); font-size: 1.35rem; }
h3 { margin: 2.25rem 0 .35rem; font-size: 1rem; font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
main a { color: var(--accent); }
h3 a { display: flex; gap: .5em; color: inherit; text-decoration: none; }
.method { display: inline-block; flex: none; min-width: 3.2em; color: var(--accent); font-weight: 700; }
.method.post { color: var(--post); }
code, pre { font: .86em/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .8rem 1rem; border-radius: .5rem; background: var(--shade); }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; margin: .9rem 0; font-size: .88rem; }
th { padding: .3rem .9rem .3rem 0; text-align: left; font-weight: 600; color: var(--dim); border-bottom: 1px solid var(--line); }
td { padding: .35rem .9rem .35rem 0; vertical-align: top; border-bottom: 1px solid var(--line); }
td:last-child, th:last-child { width: 50%; padding-right: 0; }
.dim { color: var(--dim); }
tr:target td, h3:target { background: var(--shade); }
@media (max-width: 56rem) { .frame { display: block; } nav { position: static; height: auto; border: 0; } main { padding: 1rem 1.5rem 4rem; } table { min-width: 32rem; } }
`

/** Only the page's own style; nothing else is loaded, run, framed or sent. */
export const pagePolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export function renderReferencePage(openapi: OpenApi): string {
  const { title, version, description } = openapi.info
  const tags = [...entriesByTag(openapi)]
  const codes = Object.entries(openapi['x-problem-codes'])
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)} API</title>
<style>${style}</style>
</head>
<body>
<div class="frame">
<nav aria-label="Contents">
<a href="#top"><strong>${escape(title)}</strong> <span class="dim">${escape(version)}</span></a>
${tags.map(([tag, entries]) => `<h2>${escape(tag)}</h2>\n${entries.map(link).join('\n')}`).join('\n')}
<h2>more</h2>
<a href="#codes">Problem codes</a>
<a href="/api/openapi.json">OpenAPI document</a>
</nav>
<main id="top">
<h1>${escape(title)} API</h1>
${paragraphs(description)}
${tags.map(([tag, entries]) => `<h2>${escape(tag)}</h2>\n${entries.map(section).join('\n')}`).join('\n')}
<h2 id="codes">Problem codes</h2>
<div class="wide"><table>
<tr><th>code</th><th>status</th><th></th></tr>
${codes.map(([code, { status, description: doc }]) => `<tr id="${escape(code)}"><td><code>${escape(code)}</code></td><td>${status}</td><td title="${escape(titleOf(code))}">${inline(doc)}</td></tr>`).join('\n')}
</table></div>
</main>
</div>
</body>
</html>
`
}

function link({ method, path, operation }: ReferenceEntry): string {
  return `<a href="#${operation.operationId}">${methodLabel(method)}<span>${escape(path.replace(/^\/api/, '')).replaceAll('/', '<wbr>/')}</span></a>`
}

function section({ method, path, operation, request, answer, curl }: ReferenceEntry): string {
  const id = operation.operationId
  const codes = operation['x-problem-codes'] ?? []
  return [
    `<h3 id="${id}"><a href="#${id}">${methodLabel(method)}<span>${escape(path)}</span></a></h3>`,
    `<p>${inline(operation.summary)}</p>`,
    `<pre>${escape(curl)}</pre>`,
    ...(request.length > 0 ? [requestTable(request)] : []),
    ...(answer.length > 0 ? [answerTable(answer)] : []),
    ...(codes.length > 0
      ? [`<p class="dim">Problems: ${codes.map(code => `<a href="#${code}"><code>${code}</code></a>`).join(', ')}</p>`]
      : []),
  ].join('\n')
}

function requestTable(rows: readonly FieldRow[]): string {
  const lines = rows.map(
    ({ name, place, type, isRequired, doc }) =>
      `<tr><td><code>${escape(name)}</code></td><td class="dim">${place ?? ''}${isRequired ? ', needed' : ''}</td><td>${escape(type)}</td><td>${inline(doc)}</td></tr>`,
  )
  return `<div class="wide"><table><tr><th>field</th><th></th><th>type</th><th></th></tr>${lines.join('\n')}</table></div>`
}

function answerTable(rows: readonly FieldRow[]): string {
  const lines = rows.map(
    ({ name, type, isRequired, doc }) =>
      `<tr><td><code>${escape(name)}</code></td><td class="dim">${isRequired ? '' : 'if any'}</td><td>${escape(type)}</td><td>${inline(doc)}</td></tr>`,
  )
  return `<div class="wide"><table><tr><th>answer</th><th></th><th>type</th><th></th></tr>${lines.join('\n')}</table></div>`
}

function methodLabel(method: string): string {
  return `<span class="method ${method.toLowerCase()}">${method}</span> `
}

function paragraphs(text: string): string {
  return text
    .split('\n\n')
    .map(paragraph => `<p>${inline(paragraph)}</p>`)
    .join('\n')
}

/** Text with `code` in backticks. */
function inline(text: string): string {
  return escape(text).replace(/`([^`]+)`/g, '<code>$1</code>')
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
