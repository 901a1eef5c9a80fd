/* The review page: keys, the result column, the lease, and a bar when the conflict changes under one's eyes. */
(function () {
  "use strict";

  const form = document.querySelector("[data-review]");
  if (!form) return;
  const fields = Array.from(form.querySelectorAll("[data-field]"));
  let current = 0;

  // -- result column

  function textOf(field, choice) {
    if (choice === "newest") choice = form.dataset.newest;
    if (choice === "custom") {
      const input = field.querySelector("[name^='value.']");
      if (!input) return "";
      return input.tagName === "SELECT" ? (input.selectedOptions[0] || {}).textContent || "" : input.value;
    }
    if (choice === "merged") return field.querySelector("[data-text=merged]").closest("label").title;
    const side = choice === "base" ? field.querySelector("[data-text=base]") : field.querySelector('[data-side="' + choice + '"] .side__value');
    const copy = side.cloneNode(true);
    copy.querySelectorAll("del").forEach((each) => each.remove());
    const tokens = Array.from(copy.querySelectorAll(".token"));
    if (tokens.length) return tokens.map((each) => each.textContent.trim()).join(", ");
    return copy.querySelector(".blank") ? "" : copy.textContent;
  }
  function show(field) {
    const picked = field.querySelector("input[type=radio]:checked");
    const target = field.querySelector("[data-result]");
    if (!picked || !target) return;
    const text = textOf(field, picked.value);
    target.textContent = "";
    if (text.trim()) target.textContent = text;
    else { const blank = document.createElement("span"); blank.className = "blank"; blank.textContent = "empty"; target.append(blank); }
  }
  form.addEventListener("input", (event) => {
    const field = event.target.closest("[data-field]");
    if (field) { show(field); select(fields.indexOf(field), false); count(); stalePreview(); }
  });
  fields.forEach(show);
  count();

  function count() {
    const place = form.querySelector("[data-progress]");
    if (!place || !fields.length) return;
    const chosen = fields.filter((field) => field.querySelector("input[type=radio]:checked")).length;
    place.textContent = chosen + " of " + fields.length + (fields.length === 1 ? " field chosen" : " fields chosen");
  }

  function stalePreview() {
    const preview = document.getElementById("preview");
    const button = form.querySelector("[data-primary]");
    if (!preview || !button || button.value !== "apply") return;
    preview.remove();
    const again = form.querySelector('button[value="preview"]:not([data-primary])');
    if (again) again.remove();
    button.value = "preview";
    button.textContent = "Review and apply ";
    const key = document.createElement("kbd");
    key.textContent = "Enter";
    button.append(key);
  }

  // -- choosing

  function select(index, scroll) {
    if (!fields.length) return;
    current = Math.max(0, Math.min(index, fields.length - 1));
    fields.forEach((each, number) => each.classList.toggle("is-current", number === current));
    if (scroll !== false) {
      const radio = fields[current].querySelector("input[type=radio]:checked") || fields[current].querySelector("input[type=radio]");
      if (radio) radio.focus({ preventScroll: true });
      fields[current].scrollIntoView({ block: "nearest" });
    }
  }
  function choose(field, value) {
    const radio = field && field.querySelector('input[type=radio][value="' + value + '"]');
    if (!radio) return false;
    radio.checked = true;
    radio.dispatchEvent(new Event("input", { bubbles: true }));
    return true;
  }
  form.querySelectorAll("[data-all]").forEach((button) => button.addEventListener("click", () => fields.forEach((field) => choose(field, button.dataset.all))));
  if (fields.length) select(0, false);

  const recordRadios = Array.from(form.querySelectorAll(".record-choice input[type=radio]"));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const typing = window.Hub && window.Hub.inField(event.target);
    if (event.key === "Escape" && typing) { event.target.blur(); return; }
    if (typing || localStorage.getItem("hub-shortcuts") === "off") return;
    const field = fields[current];
    let done = true;
    switch (event.code === "Digit1" ? "1" : event.code === "Digit2" ? "2" : event.key) {
      case "ArrowDown": select(current + 1); break;
      case "ArrowUp": select(current - 1); break;
      case "1": case "2": {
        const side = event.code === "Digit1" || event.key === "1" ? "local" : "external";
        if (recordRadios.length) { const radio = recordRadios[side === "local" ? 0 : 1]; if (radio) { radio.checked = true; radio.focus(); } }
        else if (event.shiftKey) fields.forEach((each) => choose(each, side));
        else { choose(field, side); if (current < fields.length - 1) select(current + 1, false); }
        break;
      }
      case "3": if (recordRadios[2]) { recordRadios[2].checked = true; recordRadios[2].focus(); } else done = false; break;
      case "m": if (!fields.map((each) => choose(each, "newest")).some(Boolean)) done = false; break;
      case "e": if (choose(field, "custom")) { const input = field.querySelector("[name^='value.']"); input.focus(); if (input.select) input.select(); } else done = false; break;
      case "Enter": {
        if (event.target.closest("a, button, summary")) return;
        const primary = form.querySelector("[data-primary]");
        if (primary) form.requestSubmit(primary);
        break;
      }
      default: done = false;
    }
    if (done) event.preventDefault();
  });
  const previewed = document.querySelector("[data-previewed]");
  if (previewed) previewed.focus();

  // -- lease and changes

  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  if (form.querySelector("[data-primary]")) {
    setInterval(async () => {
      if (document.hidden) return;
      try { await fetch(form.dataset.lease, { method: "POST", headers: { "X-CSRFToken": token } }); } catch (error) { /* the next one tries again */ }
    }, 120000);
  }
  const bar = document.querySelector("[data-changed]");
  ["conflict.updated", "conflict.decided", "conflict.withdrawn", "conflict.resolved", "conflict.ignored"].forEach((type) => {
    document.addEventListener("lockstep:" + type, (event) => {
      const payload = event.detail.payload;
      if (payload.id !== form.dataset.id || String(payload.version) === form.dataset.version) return;
      if (bar) { bar.hidden = false; bar.querySelector("a").href = location.href; }
      if (window.Hub) window.Hub.announce("This conflict has changed");
    });
  });
})();
