// The editor: saves the text only over the version that it was opened with, so that no other change is lost.
(() => {
  const form = document.getElementById("editor");
  if (!form) return;
  const text = form.querySelector("textarea");
  const button = form.querySelector("button");
  const status = form.querySelector("[role=status]");
  // Not relative to the page: if its address holds a password, browsers refuse to send the request.
  const url = new URL(form.dataset.url, new URL(location.pathname, location.origin));
  let etag = form.dataset.etag;
  let saved = text.value;
  let isSaving = false;

  const tell = (message, isError) => {
    status.textContent = message;
    status.classList.toggle("error", isError);
  };

  const isChanged = () => text.value !== saved;

  const explain = async (answer) => {
    if (answer.status === 412) {
      return "This file was changed or deleted after you opened it, so your text was not saved. Copy what you need, and open the file again.";
    }
    return (await answer.text()).trim() || `The server answers ${answer.status}.`;
  };

  const save = async () => {
    if (isSaving) return;
    isSaving = true;
    tell("Saving…", false);
    const value = text.value;
    const body = form.dataset.lineEnd === "crlf" ? value.replaceAll("\n", "\r\n") : value;
    try {
      const headers = { Accept: "text/plain", "If-Match": etag };
      const answer = await fetch(url, { method: "PUT", headers, body: new Blob([body]) });
      if (answer.ok) {
        saved = value;
        etag = answer.headers.get("ETag") ?? etag;
        tell("Saved.", false);
      } else {
        tell(await explain(answer), true);
      }
    } catch {
      tell("The server cannot be reached. Your text is still here: try again.", true);
    }
    isSaving = false;
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") {
      event.preventDefault();
      save();
    }
  });
  text.addEventListener("input", () => {
    if (!isSaving) tell("", false);
  });
  addEventListener("beforeunload", (event) => {
    if (isChanged()) event.preventDefault();
  });
  document.getElementById("needs-script").hidden = true;
  text.readOnly = false;
  button.hidden = false;
})();
