/**
 * Everything a web page can try against a server of another origin, in the browser. `attack` answers with what the page
 * could see of the answers: bodies, and that something loaded or opened.
 */
const attemptMsMax = 10_000
/** Objects and frames that are refused may stay silent. */
const silenceMsMax = 1_000

window.attack = async ({ target, reads, writes }) => {
  const seen = []
  const attempts = []
  const attempt = (name, work) => {
    const see = text => {
      if (text) seen.push({ name, text: String(text).slice(0, 400) })
    }
    const tooLong = new Promise(resolve => setTimeout(resolve, attemptMsMax))
    // A browser that refuses throws, which is what this is for.
    attempts.push(Promise.race([new Promise(resolve => resolve(work(see))).catch(() => {}), tooLong]))
  }

  for (const path of reads) {
    const url = target + path
    for (const mode of ['cors', 'no-cors']) {
      for (const credentials of ['omit', 'include']) {
        attempt(`fetch ${mode} ${credentials} ${path}`, async see =>
          see(await (await fetch(url, { mode, credentials })).text()),
        )
      }
    }
    attempt(`fetch with a header of its own ${path}`, async see =>
      see(await (await fetch(url, { headers: { 'x-mine': '1' } })).text()),
    )
    attempt(`XMLHttpRequest ${path}`, see => request(url, see))
    attempt(`img ${path}`, see => element('img', { src: url }, see))
    attempt(`script ${path}`, see => element('script', { src: url }, see))
    attempt(`link ${path}`, see => element('link', { rel: 'stylesheet', href: url }, see))
    attempt(`object ${path}`, see => element('object', { data: url }, see))
    attempt(`iframe ${path}`, see =>
      element('iframe', { src: url }, (_, frame) => see(frame.contentDocument?.documentElement.innerText)),
    )
    attempt(`window.open ${path}`, async see => {
      const opened = window.open(url)
      await new Promise(resolve => setTimeout(resolve, silenceMsMax))
      see(opened?.document.documentElement.innerText)
    })
    attempt(`EventSource ${path}`, see => socket(new EventSource(url), see))
    attempt(`EventSource with credentials ${path}`, see => socket(new EventSource(url, { withCredentials: true }), see))
    attempt(`WebSocket ${path}`, see => socket(new WebSocket(url.replace('http', 'ws')), see))
  }

  for (const { path, body } of writes) {
    const url = target + path
    const json = JSON.stringify(body)
    const fields = new URLSearchParams(Object.entries(body).map(([name, value]) => [name, String(value)]))
    const form = new FormData()
    for (const [name, value] of fields) form.append(name, value)
    const bodies = {
      json: new Blob([json], { type: 'application/json' }),
      'json as text': new Blob([json], { type: 'text/plain' }),
      'json without a type': new Blob([json]),
      fields,
      multipart: form,
    }
    for (const [kind, payload] of Object.entries(bodies)) {
      for (const mode of ['cors', 'no-cors']) {
        attempt(`POST ${kind} ${mode} ${path}`, async see =>
          see(await (await fetch(url, { method: 'POST', mode, credentials: 'include', body: payload })).text()),
        )
      }
      attempt(`sendBeacon ${kind} ${path}`, () => void navigator.sendBeacon(url, payload))
    }
    attempt(`POST keepalive ${path}`, () =>
      fetch(url, { method: 'POST', mode: 'no-cors', keepalive: true, body: json }),
    )
    attempt(`PUT ${path}`, async see => see(await (await fetch(url, { method: 'PUT', body: json })).text()))
    for (const enctype of ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']) {
      attempt(`form ${enctype} ${path}`, see => submit(url, enctype, fields, see))
    }
    // The one field whose name and value make JSON of `name=value`.
    const [before, after] = json.replace(/}$/, ',"memo":"=').split('=')
    attempt(`form that makes JSON ${path}`, see => submit(url, 'text/plain', [[before, `${after}"}`]], see))
    attempt(`form GET ${path}`, see => submit(url, 'application/x-www-form-urlencoded', fields, see, 'GET'))
  }
  await Promise.all(attempts)
  return { seen, attempts: attempts.length }
}

function request(url, see) {
  return new Promise(resolve => {
    const call = new XMLHttpRequest()
    call.withCredentials = true
    call.onloadend = () => resolve(see(call.responseText))
    call.open('GET', url)
    call.send()
  })
}

/** Says `loaded` where the browser took what came. */
function element(tag, attributes, see) {
  return new Promise((resolve, reject) => {
    const made = Object.assign(document.createElement(tag), attributes)
    made.onload = () => {
      try {
        resolve(see('loaded', made))
      } catch (error) {
        reject(error)
      }
    }
    made.onerror = reject
    if (tag === 'object' || tag === 'iframe') setTimeout(resolve, silenceMsMax)
    document.body.append(made)
  })
}

function socket(opened, see) {
  return new Promise((resolve, reject) => {
    opened.onopen = () => resolve(see('opened'))
    opened.onerror = reject
  }).finally(() => opened.close())
}

let frames = 0

function submit(url, enctype, fields, see, method = 'POST') {
  const name = `frame${++frames}`
  const form = Object.assign(document.createElement('form'), { action: url, method, enctype, target: name })
  for (const [field, value] of fields) {
    form.append(Object.assign(document.createElement('input'), { type: 'hidden', name: field, value }))
  }
  document.body.append(form)
  const loaded = new Promise(resolve => {
    const frame = Object.assign(document.createElement('iframe'), { name })
    document.body.append(frame)
    frame.addEventListener('load', () => resolve(frame))
  })
  form.submit()
  return loaded.then(frame => see(frame.contentDocument?.documentElement.innerText))
}
