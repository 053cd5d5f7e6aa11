// The upload form: errors are shown beside it instead of on a page of their own.
(() => {
  const form = document.getElementById("upload");
  if (!form) return;
  const button = form.querySelector("button");
  const status = form.querySelector("[role=status]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    status.classList.remove("error");
    status.textContent = "Uploading…";
    let problem = "The server cannot be reached, or refused the upload before it was complete.";
    try {
      // Not relative to the page: if its address holds a password, browsers refuse to send the request.
      const here = new URL(location.pathname, location.origin);
      const answer = await fetch(here, { method: "POST", body: new FormData(form) });
      if (answer.ok) {
        location.reload();
        return;
      }
      problem = (await answer.text()).trim() || `The server answers ${answer.status}.`;
    } catch {
      // `problem` already says what can be said.
    }
    button.disabled = false;
    status.classList.add("error");
    status.textContent = problem;
  });
})();
