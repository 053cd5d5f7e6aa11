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
  return { ok: response.ok, status: response.status, text: readable(response, response.headers.get('Content-Type'), text) };
}

// The text of a response, or words for its status if that is an error's without a reason in plain text.
function readable({ status, statusText }, mediaType, text) {
  const isReason = (mediaType ?? '').startsWith('text/plain') && text !== '';
  return status < 400 || isReason ? text : `The server answered ${status} ${statusText}`.trimEnd() + '.';
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

// Runs `act` in place of sending the form, one run at a time, and shows the {text, kind} that it returns. The text may be a list
// of texts and elements.
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
      result.replaceChildren(...[outcome.text].flat());
      result.ariaBusy = 'false';
    });
  });
}

// Makes an element with these properties and children.
function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// A point in time, as the reader's language and time zone write it.
function timeElement(time) {
  const date = new Date(time);
  const text = date.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  return element('time', { dateTime: date.toISOString() }, text);
}

// Values that are kept for this tab, as JSON: through reloads if the browser stores them, or else until the page is left.
const kept = {
  values: {},
  read(name) {
    try {
      return this.values[name] ?? JSON.parse(sessionStorage.getItem(`hearken ${name}`));
    } catch {
      return null;
    }
  },
  write(name, value) {
    this.values[name] = value;
    try {
      sessionStorage.setItem(`hearken ${name}`, JSON.stringify(value));
    } catch {
      // The browser stores nothing for this page, or no more.
    }
  },
};
