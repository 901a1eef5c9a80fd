/* What pages do better with scripts; every page works without. No framework, no evaluation, no inline handlers. */
(function () {
  "use strict";

  document.documentElement.classList.add("js");
  const $$ = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const inField = (target) => target.closest && target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

  // -- announcements: one polite region, merged, at most every 3 s

  let queued = [], announceTimer = 0, lastAnnounced = 0;
  function announce(text) {
    queued.push(text);
    if (announceTimer) return;
    announceTimer = setTimeout(() => {
      const region = document.getElementById("hub-announce");
      if (region) region.textContent = queued.length > 2 ? queued.length + " updates" : queued.join(". ");
      queued = []; announceTimer = 0; lastAnnounced = Date.now();
    }, Math.max(120, 3000 - (Date.now() - lastAnnounced)));
  }

  function toast(text) {
    const holder = document.getElementById("hub-toasts");
    if (!holder) return;
    const box = document.createElement("div");
    box.className = "toast";
    box.textContent = text;
    holder.append(box);
    while (holder.children.length > 3) holder.firstChild.remove();
    let left = setTimeout(() => box.remove(), 6000);
    box.addEventListener("mouseenter", () => clearTimeout(left));
    box.addEventListener("mouseleave", () => { left = setTimeout(() => box.remove(), 3000); });
    announce(text);
  }

  // -- copy

  async function copy(text) {
    try { await navigator.clipboard.writeText(text); }
    catch (error) {
      const area = document.createElement("textarea");
      area.value = text; document.body.append(area); area.select();
      document.execCommand("copy"); area.remove();
    }
    toast("Copied");
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-copy-from]");
    if (!button) return;
    event.preventDefault();
    copy(button.dataset.copy !== undefined ? button.dataset.copy : document.getElementById(button.dataset.copyFrom).textContent);
  });

  // -- relative times stay current

  function spanOf(seconds) {
    if (seconds >= 86400) return Math.floor(seconds / 86400) + " d";
    if (seconds >= 3600) return Math.floor(seconds / 3600) + " h";
    if (seconds >= 60) return Math.floor(seconds / 60) + " min";
    return seconds < 10 ? "" : Math.floor(seconds) + " s";
  }
  function tick() {
    const now = Date.now();
    $$("time[data-ago]").forEach((element) => {
      const seconds = (now - Date.parse(element.dateTime)) / 1000;
      if (Math.abs(seconds) > 7 * 86400) return;
      const amount = spanOf(Math.abs(seconds));
      const text = !amount ? (seconds >= 0 ? "just now" : "in a moment") : seconds >= 0 ? amount + " ago" : "in " + amount;
      if (element.textContent !== text) element.textContent = text;
    });
  }
  setInterval(tick, 10000);

  // -- forms: filters send themselves, double submits are held back, unsaved changes are guarded

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-autosubmit]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-check-all]")) {
      $$("tbody input[type=checkbox]", event.target.closest("table")).forEach((box) => { box.checked = event.target.checked; });
      changedSelection(event.target);
    } else if (event.target.matches("[data-pick]")) changedSelection(event.target);
    const guarded = event.target.closest("form[data-guard]");
    if (guarded) guarded.dataset.dirty = "yes";
  });
  window.addEventListener("beforeunload", (event) => {
    if ($$("form[data-guard][data-dirty]").length) event.preventDefault();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = form.dataset.confirm;
    if (question && form.dataset.confirmed !== "yes") {
      event.preventDefault();
      confirmWith(question, () => { form.dataset.confirmed = "yes"; form.requestSubmit(event.submitter || undefined); });
      return;
    }
    if (form.dataset.busy === "yes") { event.preventDefault(); return; }
    if ((form.getAttribute("method") || "").toLowerCase() === "post") { // form.method may be a control of that name
      form.dataset.busy = "yes";
      delete form.dataset.dirty;
      const button = event.submitter;
      if (button) button.setAttribute("aria-busy", "true");
    }
  });
  window.addEventListener("pageshow", () => $$("form[data-busy]").forEach((form) => {
    delete form.dataset.busy;
    $$("[aria-busy]", form).forEach((button) => button.removeAttribute("aria-busy"));
  }));

  function confirmWith(question, then) {
    const dialog = document.createElement("dialog");
    dialog.className = "hub-dialog hub";
    dialog.innerHTML = '<div class="hub-dialog__head"><h2>Are you sure?</h2></div><div class="hub-dialog__body"><p></p></div><div class="hub-dialog__foot"><button class="hub-btn" type="button" value="no">Cancel</button><button class="hub-btn hub-btn--primary" type="button" value="yes">Go on</button></div>';
    dialog.querySelector("p").textContent = question;
    dialog.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      dialog.close();
      if (button.value === "yes") then();
    });
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("button[value=no]").focus();
  }

  $$("form[data-typed]").forEach((form) => {
    const input = form.querySelector("[name=typed_name]"), button = form.querySelector("button[type=submit]");
    const check = () => { button.disabled = input.value.trim() !== form.dataset.typed; };
    input.addEventListener("input", check); check();
  });
  const problem = document.querySelector("[data-autofocus]");
  if (problem) problem.focus();

  // -- a long list narrows while one types

  $$("input[data-narrows]").forEach((input) => {
    const select = document.getElementById(input.dataset.narrows), whole = select.cloneNode(true);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase(), chosen = select.value, fresh = whole.cloneNode(true);
      $$("option", fresh).forEach((option) => {
        const text = (option.parentNode.label || "") + " " + option.text;
        if (option.value && option.value !== chosen && !text.toLowerCase().includes(wanted)) option.remove();
      });
      $$("optgroup", fresh).forEach((group) => { if (!group.children.length) group.remove(); });
      select.replaceChildren(...fresh.children);
      select.value = chosen;
      announce($$("option[value]:not([value=''])", select).length + " to choose from");
    });
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  });

  // -- selection: shift-click takes a range, the bar counts

  let lastBox = null;
  document.addEventListener("click", (event) => {
    const box = event.target.closest("input[data-pick]");
    if (!box) return;
    if (event.shiftKey && lastBox && lastBox.form === box.form) {
      const boxes = $$("input[data-pick]", box.closest("form"));
      const [from, to] = [boxes.indexOf(lastBox), boxes.indexOf(box)].sort((a, b) => a - b);
      boxes.slice(from, to + 1).forEach((each) => { each.checked = box.checked; });
    }
    lastBox = box;
    changedSelection(box);
  });
  function changedSelection(element) {
    const form = element.closest("form");
    if (!form) return;
    const count = $$("input[data-pick]:checked", form).length;
    $$("[data-picked]", form).forEach((each) => { each.textContent = count; });
    $$("[data-needs-pick]", form).forEach((each) => { each.disabled = count === 0; });
  }
  $$("form").forEach((form) => { if (form.querySelector("[data-pick]")) changedSelection(form.querySelector("[data-pick]")); });

  // -- keyboard: j/k or arrows walk rows, Enter opens, x selects, / searches, g d/c/l/j go, ? lists

  let cursor = -1, goPending = 0;
  const rows = () => $$("[data-row]");
  function moveTo(index) {
    const all = rows();
    if (!all.length) return;
    cursor = Math.max(0, Math.min(index, all.length - 1));
    all.forEach((row, number) => row.classList.toggle("is-cursor", number === cursor));
    const row = all[cursor];
    const link = row.querySelector("a[href]");
    if (link) link.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }
  const GO = { d: "", i: "", c: "conflicts/", l: "logs/", j: "jobs/", m: "mappings/", r: "rules/" };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || inField(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (localStorage.getItem("hub-shortcuts") === "off" && event.key !== "?") return;
    if (goPending && Date.now() - goPending < 1200 && event.key in GO) {
      goPending = 0;
      const home = document.querySelector("[data-hub-home]");
      if (home) { event.preventDefault(); location.href = home.dataset.hubHome + GO[event.key]; }
      return;
    }
    const keyed = document.querySelector('[data-key="' + CSS.escape(event.key) + '"]');
    if (keyed) { event.preventDefault(); keyed.click(); return; }
    const all = rows();
    switch (event.key) {
      case "g": goPending = Date.now(); break;
      case "/": { const search = document.querySelector("[data-search]"); if (search) { event.preventDefault(); search.focus(); search.select(); } break; }
      case "?": event.preventDefault(); shortcuts(); break;
      case "j": case "ArrowDown": if (all.length && !document.querySelector("[data-review]")) { event.preventDefault(); moveTo(cursor + 1); } break;
      case "k": case "ArrowUp": if (all.length && !document.querySelector("[data-review]")) { event.preventDefault(); moveTo(cursor - 1); } break;
      case "x": if (all[cursor]) { const box = all[cursor].querySelector("input[data-pick]"); if (box) { event.preventDefault(); box.checked = !box.checked; changedSelection(box); } } break;
      case "Enter": if (all[cursor] && !event.target.closest("a, button, input, summary")) { event.preventDefault(); location.href = all[cursor].dataset.href; } break;
    }
  });

  function shortcuts() {
    const dialog = document.createElement("dialog");
    dialog.className = "hub-dialog hub";
    const lines = [["j / k", "next, previous row or conflict"], ["Enter", "open, or review and apply"], ["x", "select the row"], ["/", "search"], ["g d · g c · g l · g j", "dashboard, conflicts, log, jobs"], ["↑ ↓", "field of a conflict"], ["1 / 2", "keep local, keep external for the field; with Shift for all"], ["m", "newest per field"], ["e", "edit the value"], ["Esc", "close the top layer"]];
    dialog.innerHTML = '<div class="hub-dialog__head"><h2>Keyboard</h2></div><div class="hub-dialog__body"><dl class="facts"></dl></div><div class="hub-dialog__foot"><label class="check" style="margin-inline-end:auto"><input type="checkbox"><span>Single-key shortcuts</span></label><button class="hub-btn" type="button">Close</button></div>';
    const list = dialog.querySelector("dl");
    lines.forEach(([keys, what]) => { const dt = document.createElement("dt"), dd = document.createElement("dd"), kbd = document.createElement("kbd"); kbd.textContent = keys; dt.append(kbd); dd.textContent = what; list.append(dt, dd); });
    const box = dialog.querySelector("input");
    box.checked = localStorage.getItem("hub-shortcuts") !== "off";
    box.addEventListener("change", () => localStorage.setItem("hub-shortcuts", box.checked ? "on" : "off"));
    dialog.querySelector("button").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  // -- live: fetch the page again and swap the parts that changed; never what is under the pointer or focused

  const live = document.querySelector("[data-live-on]");
  let wanted = 0, running = false, again = false, pointer = null;
  document.addEventListener("pointerover", (event) => { pointer = event.target; });
  function refreshSoon() { clearTimeout(wanted); wanted = setTimeout(refresh, 700); }
  async function refresh() {
    if (running) { again = true; return; }
    if (document.hidden) { again = true; return; }
    running = true; again = false;
    try {
      const answer = await fetch(location.href, { headers: { "X-Requested-With": "fetch" } });
      if (answer.redirected || !answer.ok) return;
      swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch (error) { /* the next event or the poll tries again */ }
    finally { running = false; if (again && !document.hidden) refreshSoon(); }
  }
  function isBusy(element) {
    const active = document.activeElement;
    return (active && active !== document.body && element.contains(active)) || (pointer && pointer.isConnected && element.contains(pointer)) || Boolean(element.querySelector("input[data-pick]:checked"));
  }
  function swap(fresh) {
    let changed = 0;
    $$("[data-live]").forEach((element) => {
      const next = fresh.querySelector('[data-live="' + CSS.escape(element.dataset.live) + '"]');
      if (!next || plain(next) === plain(element)) return;
      if (isBusy(element)) { wait(element, next); return; }
      element.replaceWith(document.importNode(next, true));
      changed += 1;
    });
    if (changed) { tick(); announce("Updated"); }
  }
  function plain(element) {
    return element.innerHTML.replace(/<input type="hidden" name="csrfmiddlewaretoken"[^>]*>/g, "").replace(/(<time[^>]*>)[^<]*/g, "$1").replace(/ is-cursor/g, "");
  }
  function wait(element, next) {
    const holder = element.closest(".panel, .hub-card") || element;
    if (holder.querySelector(":scope > .more-news")) return;
    if (element.tagName !== "TBODY") { setTimeout(refreshSoon, 4000); return; }
    const bar = document.createElement("div");
    bar.className = "more-news";
    const button = document.createElement("button");
    button.type = "button"; button.className = "hub-btn hub-btn--small";
    const more = next.querySelectorAll("tr").length - element.querySelectorAll("tr").length;
    button.textContent = more > 0 ? more + " new — show" : "Changed — show";
    button.addEventListener("click", () => { bar.remove(); if (document.activeElement) document.activeElement.blur(); pointer = null; refresh(); });
    bar.append(button);
    holder.prepend(bar);
  }
  if (live) {
    live.dataset.liveOn.split(" ").concat("gap").forEach((type) => document.addEventListener("lockstep:" + type, refreshSoon));
    document.addEventListener("visibilitychange", () => { if (!document.hidden && again) refreshSoon(); });
  }

  window.Hub = { announce, toast, inField };
})();
