// What the pages share: asking the server, and telling what came of it.
'use strict';

// Whether the page was opened from disk, without a server.
const fromDisk = location.protocol === 'file:';

// The answer as {ok, status, text}. What went wrong on the way is thrown as an Error with words for the reader.
async function ask(url, options) {
  let response;
  let text;
  try {
    response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(30000), ...options });
    text = (await response.text()).trimEnd();
  } catch (error) {
    if (error.name === 'TimeoutError') {
      throw new Error('The server did not answer within 30 seconds.');
    }
    throw new Error(`The server at ${new URL(url, location.href).origin} cannot be reached. Is it running?`);
  }
  const plain = (response.headers.get('Content-Type') ?? '').startsWith('text/plain');
  if (!response.ok && (!plain || text === '')) {
    text = `The server answered ${response.status} ${response.statusText}`.trimEnd() + '.';
  }
  return { ok: response.ok, status: response.status, text };
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
