// The filter box is shown only if scripts run.
(() => {
  const form = document.getElementById("filter");
  const input = form.querySelector("input");
  let rows = [];
  let names = [];
  const apply = () => {
    const sought = input.value.trim().toLowerCase();
    let count = 0;
    rows.forEach((row, index) => {
      row.hidden = !names[index].includes(sought);
      if (!row.hidden) count += 1;
    });
    document.getElementById("shown").textContent = sought ? `${count} of ${rows.length} shown` : "";
  };
  const collect = () => {
    rows = [...document.querySelectorAll("#entries tbody tr:not(#parent)")];
    names = rows.map((row) => row.cells[0].textContent.toLowerCase());
    form.hidden = rows.length === 0;
    // When the user comes back to the page, the browser may have kept the text.
    if (input.value) apply();
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", apply);
  // Uploads put new rows in place of those that were there.
  document.addEventListener("refreshed", collect);
  collect();
})();
