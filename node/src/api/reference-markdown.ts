/** docs/reference/http.md. */
import type { OpenApi } from './openapi.ts'
import { entriesByTag, type FieldRow, type ReferenceEntry } from './reference-rows.ts'

export function renderHttpReference(openapi: OpenApi): string {
  const sections = [...entriesByTag(openapi)].map(([tag, entries]) =>
    [`## ${tag}`, ...entries.map(entryText)].join('\n\n'),
  )
  const codes = Object.entries(openapi['x-problem-codes']).map(
    ([code, { status, description }]) => `| \`${code}\` | ${status} | ${cell(description)} |`,
  )
  return `# HTTP API

<!-- Made from the tables of the domains and of node/src/api by "npm run reference"; do not edit. -->

${openapi.info.description}

The same is served by every node at \`/api/docs\`, and as OpenAPI at \`/api/openapi.json\`.

${sections.join('\n\n')}

## Problem codes

| code | status | |
|---|---|---|
${codes.join('\n')}
`
}

function entryText({ method, path, operation, request, answer, curl }: ReferenceEntry): string {
  const codes = operation['x-problem-codes']
  return [
    `### ${method} ${path}`,
    operation.summary,
    `\`\`\`sh\n${curl}\n\`\`\``,
    ...(request.length > 0 ? [requestTable(request)] : []),
    ...(answer.length > 0 ? [answerTable(answer)] : []),
    ...(codes ? [`Problems: ${codes.map(code => `\`${code}\``).join(', ')}.`] : []),
  ].join('\n\n')
}

function requestTable(rows: readonly FieldRow[]): string {
  const lines = rows.map(
    ({ name, place, type, isRequired, doc }) =>
      `| \`${name}\` | ${place ?? ''} | ${cell(type)} | ${isRequired ? 'yes' : ''} | ${cell(doc)} |`,
  )
  return ['| field | in | type | needed | |', '|---|---|---|---|---|', ...lines].join('\n')
}

function answerTable(rows: readonly FieldRow[]): string {
  const lines = rows.map(
    ({ name, type, isRequired, doc }) =>
      `| \`${name}\` | ${cell(type)} | ${isRequired ? 'always' : ''} | ${cell(doc)} |`,
  )
  return ['| answer | type | | |', '|---|---|---|---|', ...lines].join('\n')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
