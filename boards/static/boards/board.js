/* The board's common ground: what the server handed over, requests, words, counts. Every other script stands on it. */
(function () {
  "use strict";

  const element = document.getElementById("board-data");
  if (!element) return;
  const data = JSON.parse(element.textContent);
  const $ = (selector, root) => (root || document).querySelector(selector);
  const $$ = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const root = $("[data-board]");
  const session = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const stages = new Map(data.stages.map((stage) => [stage.key, stage]));
  const csrf = () => ($("[name=csrfmiddlewaretoken]") || {}).value || "";

  function id() {
    if (crypto.randomUUID) return crypto.randomUUID();
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64; bytes[8] = (bytes[8] & 63) | 128;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }

  class Refused extends Error {
    constructor(status, problem) {
      super((problem && problem.detail) || "The server answered " + status + ".");
      this.status = status; this.problem = problem || {};
    }
  }

  /* Answers JSON; a refusal is thrown with its sentence, a lost connection as TypeError. */
  async function api(method, path, body, options) {
    const answer = await fetch(data.api + path, {
      method,
      signal: AbortSignal.timeout((options && options.wait) || 8000),
      keepalive: Boolean(options && options.keepalive),
      headers: {
        "Accept": "application/json", "Content-Type": "application/json", "X-CSRFToken": csrf(),
        "X-Tenant-ID": data.tenant, "X-Lockstep-Page": "board",
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const found = await answer.json().catch(() => null);
    if (answer.status === 401) { location.reload(); }
    if (!answer.ok) throw new Refused(answer.status, found);
    return found;
  }

  const IDS = 50;

  /* Cards as elements: named ones, or the next page of a column. */
  async function fragment(query) {
    const ids = query.ids ? query.ids.split(",") : [];
    if (ids.length > IDS) { // a server takes an address of 4 kB
      const parts = [];
      for (let at = 0; at < ids.length; at += IDS) parts.push(fragment({ ...query, ids: ids.slice(at, at + IDS).join(",") }));
      return { cards: (await Promise.all(parts)).flatMap((part) => part.cards), next: "" };
    }
    const asked = new URLSearchParams(data.query);
    Object.entries(query).forEach(([key, value]) => asked.set(key, value));
    const answer = await fetch(data.cards + "?" + asked, { headers: { "X-Requested-With": "fetch" } });
    if (!answer.ok || answer.redirected) throw new Refused(answer.status, null);
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    const cards = Array.from(holder.content.querySelectorAll("[data-card]"));
    cards.forEach(age);
    return { cards, next: answer.headers.get("X-Next-Cursor") || "" };
  }

  function say(text) {
    const region = document.getElementById("board-says");
    if (region) region.textContent = text;
  }

  /* A refusal stays until it is read; what went well goes by itself. */
  function complain(text) {
    const holder = document.getElementById("hub-toasts");
    const box = document.createElement("div");
    box.className = "toast toast--bad";
    box.setAttribute("role", "alert");
    const words = document.createElement("span"), close = document.createElement("button");
    words.textContent = text;
    close.type = "button"; close.className = "hub-btn hub-btn--small"; close.textContent = "OK";
    close.addEventListener("click", () => box.remove());
    box.append(words, close);
    holder.append(box);
    while (holder.children.length > 3) holder.firstChild.remove();
  }

  const card = (key) => document.getElementById("card-" + key);
  const cells = () => $$("[data-cell]");
  const cell = (stage, lane) => cells().find((one) => one.dataset.stage === stage && (!data.laneField || lane === undefined || one.dataset.lane === lane));
  const cardsOf = (one) => Array.from(one.children).filter((child) => child.dataset.card);
  const title = (one) => ($(".card__title", one) || one).textContent.trim();
  const nameOf = (stage) => (stages.get(stage) ? stages.get(stage).name : stage);

  /* Ranks sort as plain text, in every browser's language. */
  function before(one, other) {
    const a = one.dataset, b = other.dataset;
    return a.rank < b.rank || (a.rank === b.rank && a.card < b.card);
  }

  /* Put a card where its rank belongs; false if that is beyond what is loaded. */
  function place(one) {
    const home = cell(one.dataset.stage, one.dataset.lane) || $$("[data-unplaced]").find((each) => each.dataset.stage === one.dataset.stage);
    if (!home) {
      one.remove();
      if (!stages.has(one.dataset.stage)) notice("Cards are in a stage without a column — show");
      return false;
    }
    if (window.LockstepBoard.isGone(home, one)) { one.remove(); return false; }
    const others = cardsOf(home).filter((other) => other !== one);
    const next = others.find((other) => before(one, other));
    if (next) { home.insertBefore(one, next); return true; }
    if (home.dataset.next) { one.remove(); return false; }
    home.append(one);
    return true;
  }

  // -- counts and limits, in words

  function limitWords(stage) {
    if (stage.hard !== null && stage.count > stage.hard) return ["over the limit", "bad"];
    if (stage.hard !== null && stage.count === stage.hard) return ["full", "warn"];
    if (stage.soft !== null && stage.count > stage.soft) return ["over the mark", "warn"];
    return ["", ""];
  }

  function fill(holder, total, words) {
    $("[data-total]", holder).textContent = total;
    const said = $("[data-words]", holder);
    said.textContent = words[0];
    said.className = "column__words tone-" + words[1];
  }
  const thousands = (number) => number.toLocaleString("en").replaceAll(",", "\u202f");

  function count(key, difference) {
    const stage = stages.get(key);
    if (!stage) return;
    stage.count += difference;
    const head = $('[data-head="' + CSS.escape(key) + '"]');
    const option = $('[data-column-pick] option[value="' + CSS.escape(key) + '"]');
    if (option) option.textContent = stage.name + " (" + stage.count + ")";
    if (head && !data.bySize) fill(head, thousands(stage.count), limitWords(stage)); // sizes are the server's to add up
  }

  /* Something that only a new page can show. */
  function notice(text) {
    if ($(".more-news")) return;
    const bar = document.createElement("div");
    bar.className = "more-news";
    const button = document.createElement("button");
    button.type = "button"; button.className = "hub-btn hub-btn--small";
    button.textContent = text;
    button.addEventListener("click", () => location.reload());
    bar.append(button);
    root.before(bar);
  }

  // -- how long a card has been in its stage

  function age(one) {
    const holder = $("[data-age]", one), since = Date.parse(one.dataset.since || "");
    if (!holder || !since) return;
    const days = Math.floor((Date.now() - since) / 86400000);
    const stage = stages.get(one.dataset.stage), limit = stage && stage.age;
    const old = limit && days >= limit;
    holder.textContent = days ? days + " d" + (old ? " ⚠" : "") : "";
    holder.title = days + (days === 1 ? " day" : " days") + " in this column" + (old ? ": ageing" : "");
    if (old) { holder.setAttribute("role", "img"); holder.setAttribute("aria-label", holder.title); } else { holder.removeAttribute("role"); holder.removeAttribute("aria-label"); }
    one.classList.toggle("is-ageing", Boolean(old));
  }

  window.LockstepBoard = {
    data, root, session, stages, $, $$, id, api, fragment, say, complain, Refused, card, cells, cell, cardsOf, title, nameOf,
    before, place, count, fill, thousands, notice, age, may: (right) => data.rights.includes(right),
  };
  $$("[data-card]").forEach(age);
})();
