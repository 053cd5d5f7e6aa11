// Uploads: files and folders that are chosen, or dropped anywhere on the page, are sent one by one, each with its own progress and
// result. Without this script the form sends the files itself.
(() => {
  const form = document.getElementById("upload");
  if (!form) return;
  const MOST_AT_ONCE = 3;
  // So that a folder of thousands of files does not make a page of thousands of lines.
  const MOST_STORED_SHOWN = 20;
  const MOST_SHOWN = 200;
  // Not relative to the page: if its address holds a password, browsers refuse to send the request.
  const here = new URL(location.pathname, location.origin);
  const files = form.querySelector("input[type=file]");
  const status = form.querySelector("[role=status]");
  // Without its role, some browsers take a list without bullets for no list.
  const list = make("ul", { className: "uploads", role: "list", ariaLabel: "Uploads" });
  const waiting = [];
  const running = new Set();
  const counts = { all: 0, stored: 0, failed: 0, hidden: 0 };
  const storedRows = [];
  // What could not be read, or created on the server, with the reason.
  const leftOut = [];
  // Whether something was stored that the table does not show yet.
  let isOutdated = false;
  let isRefreshing = false;

  function make(name, properties, ...children) {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  }

  // As the table says it: the fraction is cut, not rounded.
  function sizeInWords(bytes) {
    const units = ["KiB", "MiB", "GiB", "TiB"];
    if (bytes < 1024) return `${Math.floor(bytes)} B`;
    const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
    return `${(Math.floor((bytes * 10) / 1024 ** power) / 10).toFixed(1)} ${units[power - 1]}`;
  }

  function timeInWords(seconds) {
    if (seconds < 60) return `${Math.ceil(seconds)} s left`;
    if (seconds < 3600) return `${Math.ceil(seconds / 60)} min left`;
    return `${(seconds / 3600).toFixed(1)} h left`;
  }

  // The most bytes that the server takes for one file now, and the option that sets this limit, as a page says it.
  function limitOf(page) {
    const { bytes = Infinity, option = "" } = page.getElementById("limit")?.dataset ?? {};
    return { bytes: Number(bytes), option };
  }

  let limit = limitOf(document);

  // What the queue has come to, for everyone and for screen readers, which speak it whenever it changes.
  function report() {
    const { all, stored, failed, hidden } = counts;
    const parts = [`${stored} of ${all} ${all === 1 ? "file" : "files"} stored`];
    if (failed > 0) parts.push(`${failed} not stored`);
    if (hidden > 0) parts.push(`${hidden} with a name that starts with a dot left out`);
    const sentences = all + hidden === 0 ? [] : [`${parts.join(", ")}.`];
    if (leftOut.length > 0) sentences.push(`Left out: ${leftOut[0]}`);
    if (leftOut.length > 1) sentences.push(`And ${leftOut.length - 1} more.`);
    const text = sentences.join(" ");
    if (status.textContent !== text) status.textContent = text;
    status.classList.toggle("error", failed + leftOut.length > 0);
    const isLast = waiting.length + running.size < 2;
    if (isLast && document.activeElement === cancelAll) files.focus();
    cancelAll.hidden = isLast;
  }

  // One file on its way to a folder below this one.
  class Upload {
    constructor(file, folder) {
      this.file = file;
      this.folder = folder;
      this.name = make("span", { className: "name" }, make("bdi", {}, [...folder, file.name].join("/")));
      this.bar = make("progress", { max: Math.max(file.size, 1), value: 0, ariaLabel: `Upload of ${file.name}` });
      this.note = make("span", { className: "state" }, "Waiting");
      this.button = make("button", { type: "button", className: "button" });
      this.button.addEventListener("click", () => (this.hasEnded ? this.retry() : this.cancel()));
      this.row = make("li", {}, this.name, this.bar, this.note, this.button);
      this.hasEnded = false;
      this.offer("Cancel");
    }

    offer(action) {
      this.button.textContent = action;
      this.button.ariaLabel = `${action} the upload of ${this.file.name}`;
    }

    start() {
      this.request = new XMLHttpRequest();
      this.samples = [{ time: performance.now(), sent: 0 }];
      const body = new FormData();
      body.append("file", this.file, this.file.name);
      this.request.upload.addEventListener("progress", (event) => this.progress(event));
      this.request.addEventListener("load", () => this.answered());
      this.request.addEventListener("error", () => this.lost());
      this.request.addEventListener("abort", () => this.fail("Cancelled."));
      this.request.open("POST", urlOf(this.folder));
      this.request.setRequestHeader("Accept", "text/plain");
      this.request.send(body);
      this.note.textContent = "Starting";
    }

    progress({ loaded, total }) {
      // The form around the file is sent too.
      const sent = Math.min(this.file.size, Math.round((loaded / Math.max(total, 1)) * this.file.size));
      this.bar.value = sent;
      const now = performance.now();
      this.samples.push({ time: now, sent });
      // The speed is that of the last five seconds.
      while (this.samples.length > 2 && now - this.samples[0].time > 5000) this.samples.shift();
      const [first] = this.samples;
      const speed = ((sent - first.sent) * 1000) / Math.max(now - first.time, 1);
      if (sent === this.file.size) {
        this.note.textContent = "Storing";
      } else if (speed > 0) {
        const rate = `${sizeInWords(speed)}/s, ${timeInWords((this.file.size - sent) / speed)}`;
        this.note.textContent = `${sizeInWords(sent)} of ${sizeInWords(this.file.size)}, ${rate}`;
      }
    }

    answered() {
      const { status: code, responseText } = this.request;
      if (code === 201) {
        this.stored();
      } else {
        this.fail(responseText.trim().split("\n")[0] || `The server answers ${code}.`);
      }
    }

    stored() {
      const location = this.request.getResponseHeader("Location");
      const name = this.request.responseText.match(/^Stored (.*)\.$/m)?.[1] ?? this.file.name;
      const hadFocus = document.activeElement === this.button;
      this.bar.remove();
      this.button.remove();
      if (location) {
        const link = make("a", { href: new URL(location, here) }, ...this.name.childNodes);
        this.name.replaceChildren(link);
        if (hadFocus) link.focus();
      }
      this.note.textContent = name === this.file.name ? `Stored, ${sizeInWords(this.file.size)}` : `Stored as ${name}`;
      this.row.classList.add("stored");
      counts.stored += 1;
      isOutdated = true;
      storedRows.push(this.row);
      if (storedRows.length > MOST_STORED_SHOWN) storedRows.shift().remove();
      this.end();
    }

    // There is no answer. If the server has closed the connection because the file is too long, it now says so for all.
    async lost() {
      let reason = "The connection was lost, and nothing of this file was stored.";
      try {
        limit = limitOf(await currentPage());
        reason = tooLong(this.file) ?? reason;
      } catch {
        reason = "The server cannot be reached. Nothing of this file was stored.";
      }
      this.fail(reason);
    }

    fail(reason) {
      if (this.hasEnded) return;
      this.hasEnded = true;
      // What ends before it was started has no row yet.
      if (!this.row.isConnected && list.childElementCount < MOST_SHOWN) list.append(this.row);
      this.note.textContent = reason;
      this.row.classList.add("failed");
      this.bar.hidden = true;
      this.offer("Try again");
      counts.failed += 1;
      this.end();
    }

    end() {
      running.delete(this);
      advance();
    }

    cancel() {
      const index = waiting.indexOf(this);
      if (index >= 0) {
        waiting.splice(index, 1);
        this.fail("Cancelled.");
      } else {
        this.request.abort();
      }
    }

    retry() {
      this.hasEnded = false;
      this.row.classList.remove("failed");
      this.bar.hidden = false;
      this.bar.value = 0;
      this.offer("Cancel");
      counts.failed -= 1;
      this.note.textContent = "Waiting";
      waiting.push(this);
      advance();
    }
  }

  // The URL of a folder below this one.
  function urlOf(folder) {
    return new URL(folder.map((name) => `${encodeURIComponent(name.toWellFormed())}/`).join(""), here);
  }

  // The server would refuse these, and few people know that they have them.
  function isHidden(path) {
    return path.length > 1 && path.some((name) => name.startsWith("."));
  }

  function tooLong(file) {
    if (file.size <= limit.bytes) return undefined;
    return `It has ${sizeInWords(file.size)}, and at most ${sizeInWords(limit.bytes)} fit here${limit.option}.`;
  }

  function add(found) {
    for (const { file, folder } of found) {
      if (isHidden([...folder, file.name])) {
        counts.hidden += 1;
        continue;
      }
      const upload = new Upload(file, folder);
      counts.all += 1;
      const reason = tooLong(file);
      if (reason) {
        upload.fail(reason);
      } else {
        waiting.push(upload);
      }
    }
    advance();
  }

  function advance() {
    while (running.size < MOST_AT_ONCE && waiting.length > 0) {
      const upload = waiting.shift();
      running.add(upload);
      list.append(upload.row);
      upload.start();
    }
    report();
    refresh();
  }

  async function currentPage() {
    const url = new URL(location.pathname + location.search, location.origin);
    const answer = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store" });
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  }

  // Once the queue is done, shows what the folder holds now. What has been typed and where the reader is stay. One at a time: an
  // older page must not come in place of a newer one.
  async function refresh() {
    if (!isOutdated || isRefreshing || running.size > 0) return;
    isOutdated = false;
    isRefreshing = true;
    try {
      const page = await currentPage();
      const focused = document.activeElement.closest("#entries a")?.getAttribute("href");
      for (const part of ["#entries", ".tools > p", "#limit"]) {
        const [old, now] = [document.querySelector(part), page.querySelector(part)];
        if (old && now) old.replaceWith(now);
      }
      const links = [...document.querySelectorAll("#entries a")];
      links.find((link) => link.getAttribute("href") === focused)?.focus({ preventScroll: true });
      limit = limitOf(page);
      document.dispatchEvent(new Event("refreshed"));
    } catch {
      // The table is only older than it could be.
    }
    isRefreshing = false;
    refresh();
  }

  async function makeFolder(path) {
    const body = new URLSearchParams({ "new-directory": path.at(-1) });
    const answer = await fetch(urlOf(path.slice(0, -1)), { method: "POST", headers: { Accept: "text/plain" }, body });
    // That it is there already is what was wanted.
    if (!answer.ok && !(await fetch(urlOf(path), { method: "HEAD" })).ok) {
      throw new Error((await answer.text()).trim() || `The server answers ${answer.status}.`);
    }
    isOutdated = true;
    refresh();
  }

  // The files of a folder that was dropped, and of those in it. Nothing is sent for an empty one, so it is made. What fails keeps
  // nothing else from being sent.
  async function* filesIn(entry, folder) {
    const path = [...folder, entry.name];
    try {
      if (entry.isFile) {
        const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
        yield { file, folder };
        return;
      }
      const reader = entry.createReader();
      let isEmpty = true;
      for (;;) {
        // Each call gives some of the entries.
        const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (entries.length === 0) break;
        isEmpty = false;
        for (const other of entries) yield* filesIn(other, path);
      }
      if (isEmpty && !isHidden(path)) await makeFolder(path);
    } catch (error) {
      leftOut.push(`${path.join("/")} (${error.message})`);
      report();
    }
  }

  async function addDropped(transfer) {
    // The list of items is emptied once this event is over. What is no file or folder, such as text, has no entry.
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    for (const entry of entries) {
      for await (const found of filesIn(entry, [])) add([found]);
    }
  }

  function choose(input) {
    const folderOf = (file) => file.webkitRelativePath.split("/").slice(0, -1);
    add([...input.files].map((file) => ({ file, folder: folderOf(file) })));
    // The same file can be chosen again.
    input.value = "";
  }

  // Dragging leaves an element whenever it enters another one in it.
  let depth = 0;
  const carriesFiles = (event) => event.dataTransfer.types.includes("Files");
  const mark = (isOver) => document.body.classList.toggle("dropping", isOver);
  addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth += 1;
    mark(true);
  });
  addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth = Math.max(depth - 1, 0);
    mark(depth > 0);
  });
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    mark(false);
    addDropped(event.dataTransfer);
  });
  addEventListener("beforeunload", (event) => {
    if (waiting.length + running.size > 0) event.preventDefault();
  });

  const folder = make("input", { type: "file", webkitdirectory: true });
  for (const input of [files, folder]) input.addEventListener("change", () => choose(input));
  const cancelAll = make("button", { type: "button", className: "button", id: "cancel-all", hidden: true }, "Cancel all");
  cancelAll.addEventListener("click", () => {
    for (const upload of [...waiting, ...running]) upload.cancel();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelector("button").hidden = true;
  files.required = false;
  files.parentElement.after(
    make("label", { className: "button" }, "Upload a folder ", folder),
    make("span", { className: "hint" }, "or drop them anywhere on this page"),
  );
  files.parentElement.classList.add("button");
  form.classList.add("scripted");
  status.before(cancelAll);
  form.append(list);
})();
