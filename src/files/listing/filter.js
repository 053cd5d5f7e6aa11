// The filter box is shown only if scripts run.
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
  // When the user comes back to the page, the browser may have kept the text.
  if (input.value) apply();
})();
