// What the pages share: asking the server, and telling what came of it.
'use strict';

// Whether the page was opened from disk, without a server.
const fromDisk = location.protocol === 'file:';

// For longer than it takes to type a password, which the browser may have to ask for meanwhile.
const patience = 120000;

// The answer as {ok, status, text}. What went wrong on the way is thrown as an Error with words for the reader.
async function ask(url, options) {
  // Not relative to the page: its address may hold a password, and then that is refused.
  const target = new URL(url, fromDisk ? location.href : location.origin);
  let response;
  let text;
  try {
    response = await fetch(target, { cache: 'no-store', signal: AbortSignal.timeout(patience), ...options });
    text = (await response.text()).trimEnd();
  } catch (error) {
    if (error.name === 'TimeoutError') {
      throw new Error('The server did not answer within two minutes.');
    }
    throw new Error(`The server at ${target.origin} cannot be reached. Is it running?`);
  }
  const plain = (response.headers.get('Content-Type') ?? '').startsWith('text/plain');
  if (!response.ok && (!plain || text === '')) {
    text = `The server answered ${response.status} ${response.statusText}`.trimEnd() + '.';
  }
  return { ok: response.ok, status: response.status, text };
}

// The path of this name, its slashes kept and all else encoded.
function path(name) {
  const segments = name.replace(/^\/+/, '').split('/');
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    // The browser would resolve them, and write somewhere else.
    throw new Error('No part of the name can be . or ..');
  }
  return `/${segments.map((segment) => encodeURIComponent(segment.toWellFormed())).join('/')}`;
}

// Shows a text now, while something is being done.
function tell(text, kind) {
  const result = document.getElementById('result');
  result.className = kind;
  result.textContent = text;
}

// Runs `act` in place of sending the form, one run at a time, and shows the {text, kind} that it returns.
function onSubmit(form, act) {
  const result = document.getElementById('result');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (result.ariaBusy === 'true') {
      return;
    }
    result.ariaBusy = 'true';
    let outcome;
    try {
      outcome = await act();
    } catch (error) {
      outcome = { text: error.message, kind: 'bad' };
    }
    // A screen reader speaks up when the text changes: the same text twice has to go away in between.
    result.textContent = '';
    result.className = outcome.kind;
    setTimeout(() => {
      result.textContent = outcome.text;
      result.ariaBusy = 'false';
    });
  });
}
