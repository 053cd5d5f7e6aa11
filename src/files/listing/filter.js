// Typing filters the rows of the page. The form itself, sent by Enter or its button, searches the subfolders too.
(() => {
  const form = document.getElementById("search");
  const input = form.querySelector("input");
  let rows = [];
  let names = [];
  // As the server compares them: see `fold` in search/words.rs.
  const fold = (text) => text.replaceAll("İ", "i").toUpperCase().toLowerCase();
  const apply = () => {
    const words = fold(input.value).split(/\s+/);
    let count = 0;
    rows.forEach((row, index) => {
      row.hidden = !words.every((word) => names[index].includes(word));
      if (!row.hidden) count += 1;
    });
    document.getElementById("shown").textContent = input.value.trim() ? `${count} of ${rows.length} shown` : "";
  };
  const collect = () => {
    rows = [...document.querySelectorAll("#entries tbody tr:not(#parent)")];
    names = rows.map((row) => fold(row.cells[0].textContent));
    form.hidden = rows.length === 0;
    // When the user comes back to the page, the browser may have kept the text.
    if (input.value) apply();
  };
  input.addEventListener("input", apply);
  // Uploads put new rows in place of those that were there.
  document.addEventListener("refreshed", collect);
  collect();
})();
