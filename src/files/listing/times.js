// Times become those of the reader's time zone. They stay as long as they were, so that nothing moves.
(() => {
  const pad = (number, length = 2) => String(number).padStart(length, "0");
  const apply = () => {
    const zone = document.getElementById("zone");
    // A search that finds nothing has no table.
    if (!zone) return;
    for (const time of document.querySelectorAll("#entries time")) {
      const date = new Date(time.dateTime);
      const day = `${pad(date.getFullYear(), 4)}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
      if (day.length === 10) time.firstChild.data = `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}`;
    }
    zone.hidden = true;
    zone.closest("th").title = `Time zone: ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  };
  // Uploads put a new table in place of the one that was there.
  document.addEventListener("refreshed", apply);
  apply();
})();
