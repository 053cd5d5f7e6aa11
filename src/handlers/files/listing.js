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
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
    }
  });
  form.hidden = rows.length === 0;
  // A browser that comes back to the page may have kept what was typed.
  if (input.value) apply();
})();
