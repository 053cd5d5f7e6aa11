// Shared by the pages: sends requests and shows the results.
'use strict';

// Whether the page was opened from disk, without a server.
const fromDisk = location.protocol === 'file:';

// The limit for a request in milliseconds: long enough to type a password, should the browser ask for one.
const patience = 120000;

// Returns the response as {ok, status, text}. If there is none, throws an Error with a message for the reader.
async function ask(url, options) {
  // Not relative to the page: if its address holds a password, browsers refuse to send the request.
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

// The path of this name: slashes are kept, everything else is encoded.
function path(name) {
  const segments = name.replace(/^\/+/, '').split('/');
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    // The browser would resolve these, and the file would be written somewhere else.
    throw new Error('No part of the name can be . or ..');
  }
  return `/${segments.map((segment) => encodeURIComponent(segment.toWellFormed())).join('/')}`;
}

// Shows a text while a request is running.
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
    // A screen reader speaks when the text changes, so a repeated text has to go away in between.
    result.textContent = '';
    result.className = outcome.kind;
    setTimeout(() => {
      result.textContent = outcome.text;
      result.ariaBusy = 'false';
    });
  });
}
