/* A record's page holds its card while somebody edits it: 30 seconds, renewed; others see who it is and only read. */
(function () {
  "use strict";
  const holder = document.querySelector("[data-lease]");
  const saving = document.querySelector('[name="_save"]'), form = saving && saving.form;
  if (!holder || !form) return;
  const { card, type, api, tenant } = holder.dataset;
  const session = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const words = holder.querySelector("[data-lease-words]"), box = holder.querySelector("[data-lease-says]"), take = holder.querySelector("[data-lease-take]");
  const RENEW_MS = 12000, LOOK_MS = 5000;
  form.before(box); // above what it is about
  let held = false, asking = false, leaving = false;

  async function call(method, body) {
    const query = method === "DELETE" ? "?session=" + session : "";
    const answer = await fetch(api + "lock/" + type + "/" + card + query, {
      method, keepalive: method === "DELETE",
      headers: { "Accept": "application/json", "Content-Type": "application/json", "X-CSRFToken": form.querySelector("[name=csrfmiddlewaretoken]").value, "X-Tenant-ID": tenant },
      body: body ? JSON.stringify(body) : undefined,
    });
    return { status: answer.status, found: await answer.json().catch(() => ({})) };
  }

  /* Who only reads cannot save over the one who edits; what they typed stays in the form. */
  function show(sentence) {
    words.textContent = sentence;
    box.hidden = !sentence;
    take.hidden = !sentence || !("takeOver" in holder.dataset);
    Array.from(form.elements).filter((one) => one.type === "submit").forEach((button) => { button.disabled = Boolean(sentence); });
  }

  async function hold(more) {
    if (asking || leaving) return;
    asking = true;
    try {
      const answer = await call("POST", { session, ...more });
      held = answer.status === 200;
      if (held) show(""); else if (answer.status === 423) show(answer.found.detail + " You can read along.");
    } catch (error) { /* without the server nothing can be saved either */ } finally { asking = false; }
  }
  async function renew() {
    try {
      const answer = await call("PUT", { session });
      if (answer.status === 410) { held = false; await hold(); }
    } catch (error) { /* tried again at the next turn */ }
  }
  async function look() {
    try {
      const { found } = await call("GET");
      const theirs = found.holder && found.session !== session;
      if (theirs) { held = false; show(found.holder + " is editing this card. You can read along."); }
      else if (!held && !box.hidden) show("");
    } catch (error) { /* looked again at the next turn */ }
  }

  form.addEventListener("input", () => { if (!held) hold(); });
  take.addEventListener("click", () => hold({ take_over: true }));
  setInterval(() => { if (held) renew(); }, RENEW_MS);
  setInterval(() => { if (!document.hidden) look(); }, LOOK_MS);
  look();
  window.addEventListener("pagehide", () => { leaving = true; if (held) call("DELETE").catch(() => {}); });
})();
