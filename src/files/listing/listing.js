// The filter box: an enhancement, shown only where this runs.
(() => {
  const form = document.getElementById("filter");
  const input = form.querySelector("input");
  const shown = document.getElementById("shown");
  const rows = [...document.querySelectorAll("tbody tr:not(#parent)")];
  const names = rows.map((row) => row.cells[0].textContent.toLowerCase());
  const apply = () => {
    const sought = input.value.trim().toLowerCase();
    let count = 0;
    rows.forEach((row, index) => {
      row.hidden = !names[index].includes(sought);
      if (!row.hidden) count += 1;
    });
    shown.textContent = sought ? `${count} of ${rows.length} shown` : "";
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", apply);
  form.hidden = rows.length === 0;
  // A browser that comes back to the page may have kept what was typed.
  if (input.value) apply();
})();

// The upload form: an error is said beside it instead of on a page of its own.
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
    let problem = "The server cannot be reached, or has refused the upload before its end.";
    try {
      // Not relative to the page: its address may hold a password, and then that is refused.
      const here = new URL(location.pathname, location.origin);
      const answer = await fetch(here, { method: "POST", body: new FormData(form) });
      if (answer.ok) {
        location.reload();
        return;
      }
      problem = (await answer.text()).trim() || `The server answers ${answer.status}.`;
    } catch {
      // What is said is what there is to say.
    }
    button.disabled = false;
    status.classList.add("error");
    status.textContent = problem;
  });
})();
