/** The text/event-stream format (HTML standard, section 9.2.6). */

export interface StreamedEvent {
  /** Empty where the stream gave none so far. */
  readonly id: string
  readonly name: string
  /** Absent where the stream only moved its id on. */
  readonly data?: string
}

/** Events in order; ends when the stream does. What the end cuts off is dropped, as the standard says. */
export async function* parseEvents(stream: ReadableStream<Uint8Array>): AsyncGenerator<StreamedEvent> {
  let id = ''
  let name = ''
  let data: string[] = []
  for await (const line of linesOf(stream)) {
    if (line === '') {
      yield { id, name: name === '' ? 'message' : name, ...(data.length > 0 ? { data: data.join('\n') } : {}) }
      name = ''
      data = []
      continue
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
    if (field === 'data') data.push(value)
    else if (field === 'event') name = value
    else if (field === 'id' && !value.includes('\0')) id = value
    // Comments, which keep the connection warm, have an empty field name and fall through.
  }
}

/** Lines without their ends, which are CR LF, LF or CR. An unfinished last line is dropped. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  const reader = stream.getReader()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      rest += decoder.decode(value, { stream: true })
      // A CR at the end may be the first half of CR LF: it waits for what follows.
      const lines = rest.split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      yield* lines
    }
  } finally {
    await reader.cancel()
  }
}
