// What was found moves into the status, so that screen readers say it.
(() => {
  const found = document.getElementById("found");
  const text = found.textContent;
  found.remove();
  document.getElementById("state").textContent = text;
})();
