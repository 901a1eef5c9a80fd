/* Moving: the page first, the server next; if it refuses, the card goes back and the reason is said. */
(function () {
  "use strict";
  const B = window.LockstepBoard;
  if (!B) return;
  const { $, $$ } = B;
  const SLOW_MS = 5000, OFFLINE_MS = 20000;
  const applied = new Set(); // numbers already shown, above data.seq
  const latest = new Map(); // card → number of the last move shown

  // -- events, from answers and from the room alike: each is shown once, whatever order they come in

  function apply(move) {
    if (move.seq <= B.data.seq || applied.has(move.seq)) return null;
    applied.add(move.seq);
    while (applied.has(B.data.seq + 1)) applied.delete(++B.data.seq);
    if (move.from !== move.to) { B.count(move.from, -1); B.count(move.to, 1); }
    if ((latest.get(move.card) || 0) > move.seq) return null;
    latest.set(move.card, move.seq);
    const card = B.card(move.card);
    if (!move.to) { if (card) card.remove(); return null; }
    if (!card) return move.card; // to be fetched, if it belongs to what is shown
    if (move.from !== move.to) card.dataset.since = move.at;
    Object.assign(card.dataset, { stage: move.to, rank: move.rank, revision: String(move.revision) });
    B.place(card);
    B.age(card);
    return null;
  }

  async function show(moves) {
    const unknown = moves.map(apply).filter(Boolean);
    B.rove();
    if (!unknown.length) return;
    try {
      const found = await B.fragment({ ids: unknown.join(",") });
      found.cards.forEach((card) => replace(card)); // it may have come meanwhile, by an older answer
      if (!B.busy) B.trim();
    } catch (error) { /* the next reload shows them */ }
    B.rove();
  }

  /* The cards as the server has them now: after a refusal, and when something about them has changed. */
  async function refresh(keys, isRefused) {
    const found = await B.fragment({ ids: keys.join(",") });
    const seen = new Set(found.cards.map((card) => card.dataset.card));
    keys.filter((key) => !seen.has(key)).forEach((key) => { const old = B.card(key); if (old && !old.classList.contains("is-saving")) old.remove(); });
    found.cards.forEach((card) => replace(card, isRefused));
    B.rove();
  }
  function replace(card, isRefused) {
    const old = B.card(card.dataset.card);
    const isNewer = old && (old.classList.contains("is-saving") || Number(old.dataset.revision) > Number(card.dataset.revision));
    if (isNewer && !isRefused) return; // this answer was under way when the card moved on
    const focused = old && document.activeElement && old.contains(document.activeElement);
    if (old) {
      const box = $("[data-card-pick]", card), was = $("[data-card-pick]", old);
      if (box && was && was.checked) { box.checked = true; card.classList.add("is-picked"); }
      old.replaceWith(card);
    }
    if (!B.place(card)) return;
    B.showLock(card.dataset.card);
    if (focused) B.focus(card);
  }

  // -- one command

  const remember = (card) => ({ card, parent: card.parentElement, next: card.nextElementSibling, stage: card.dataset.stage, lane: card.dataset.lane });
  function giveBack(memory) {
    memory.slice().reverse().forEach((was) => {
      Object.assign(was.card.dataset, { stage: was.stage, lane: was.lane });
      const next = was.next && was.next.parentElement === was.parent ? was.next : null;
      was.parent.insertBefore(was.card, next);
      was.card.classList.remove("is-saving");
      was.card.classList.add("is-back");
      setTimeout(() => was.card.classList.remove("is-back"), 700);
    });
  }

  /* cards: elements in their order; target: {cell, before: element or null, edge, reason, override}. */
  async function move(cards, target) {
    cards = cards.filter((card) => !card.classList.contains("is-saving"));
    if (!cards.length) return false;
    const memory = cards.map(remember);
    const neighbours = around(cards, target);
    cards.forEach((card) => {
      if (target.cell) {
        const lane = target.lane === undefined ? card.dataset.lane : target.lane; // unasked, each stays in its own
        const cell = !B.data.laneField || lane === target.cell.dataset.lane ? target.cell : B.cell(target.stage, lane);
        Object.assign(card.dataset, { stage: target.stage, lane });
        if (cell) cell.insertBefore(card, (cell === target.cell && target.before) || null);
      }
      card.classList.add("is-saving");
    });
    B.rove();
    const body = {
      type: B.data.type, board: B.data.board, session: B.session, to: target.stage, command_id: B.id(),
      reason: target.reason || "", override: Boolean(target.override), ...neighbours,
      cards: cards.map((card) => ({ id: card.dataset.card, revision: Number(card.dataset.revision) })),
    };
    if (B.data.laneField && target.lane !== undefined) body.lane = target.lane;
    try {
      const answer = await send(body, cards);
      cards.forEach((card) => card.classList.remove("is-saving"));
      await show(answer.moves);
      buttons(answer);
      answer.warnings.forEach((text) => window.Hub.toast(text));
      const where = B.nameOf(target.stage);
      B.say((cards.length === 1 ? B.title(cards[0]) : cards.length + " cards") + " moved to " + where);
      return true;
    } catch (error) {
      giveBack(memory);
      await refused(error, cards, target);
      return false;
    }
  }

  /* Neighbours by id, never an index. A column that is not loaded to its end leaves the lower one to the server. */
  function around(cards, target) {
    if (target.edge) return { edge: target.edge };
    const moving = new Set(cards);
    const others = B.cardsOf(target.cell).filter((card) => !moving.has(card));
    let below = target.before;
    while (below && moving.has(below)) below = below.nextElementSibling;
    const index = below ? others.indexOf(below) : others.length;
    const above = others[index - 1];
    const found = {};
    if (above) found.after = above.dataset.card;
    if (below && below.dataset.card) found.before = below.dataset.card;
    if (!above && !below) found.edge = "top";
    return found;
  }

  async function send(body, cards) {
    const slow = setTimeout(() => cards.forEach((card) => card.classList.add("is-slow")), SLOW_MS);
    try {
      return await B.api("POST", "move/bulk", body);
    } catch (error) {
      if (error instanceof B.Refused) throw error;
      cards.forEach((card) => card.classList.add("is-slow"));
      if (!navigator.onLine) await online();
      return await B.api("POST", "move/bulk", body, { wait: 15000 }); // the same command once more: it moves nothing twice
    } finally {
      clearTimeout(slow);
      cards.forEach((card) => card.classList.remove("is-slow"));
    }
  }

  /* Until the browser is on the network again, at most as long as somebody waits for a card. */
  const online = () => new Promise((resolve) => {
    const done = () => { clearTimeout(timer); window.removeEventListener("online", done); resolve(); };
    const timer = setTimeout(done, OFFLINE_MS);
    window.addEventListener("online", done);
  });

  async function refused(error, cards, target) {
    if (!(error instanceof B.Refused)) {
      B.complain("The server could not be reached. " + (cards.length === 1 ? "The card is" : "The cards are") + " where they were.");
      return;
    }
    B.complain(error.message);
    B.say(error.message);
    if (error.problem.code === "column_full" && error.problem.may_override) {
      B.dialog(cards, { stage: target.stage, problem: error.message, override: true });
    }
    if (["stale", "neighbour_gone", "not_found", "locked"].includes(error.problem.code)) {
      const keys = cards.map((card) => card.dataset.card);
      if (error.problem.neighbour) keys.push(error.problem.neighbour);
      await refresh(keys, true).catch(() => {});
    }
  }

  // -- undo and redo

  function buttons(answer) {
    [["undo", "Nothing to undo", "Ctrl+Z"], ["redo", "Nothing to redo", "Ctrl+Shift+Z"]].forEach(([name, none, keys]) => {
      const button = $("[data-" + name + "]");
      if (!button) return;
      button.disabled = !answer[name];
      button.title = (answer[name] || none) + " (" + keys + ")";
    });
  }
  async function undo(what) {
    try {
      const answer = await B.api("POST", what, { type: B.data.type, board: B.data.board, session: B.session });
      await show(answer.moves);
      buttons(answer);
      window.Hub.toast(what === "undo" ? "Undone" : "Done again");
      const card = answer.moves.length && B.card(answer.moves[0].card);
      if (card) { card.scrollIntoView({ block: "nearest", inline: "nearest" }); B.focus(card); }
    } catch (error) {
      B.complain(error instanceof B.Refused ? error.message : "The server could not be reached. Nothing was undone.");
    }
  }
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-undo-form]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    undo(event.submitter && event.submitter.value === "redo" ? "redo" : "undo");
  }, true);

  // -- Move to…

  const dialog = $("#move-dialog");
  let chosen = [];
  function openDialog(cards, options) {
    if (!dialog || !cards.length) return;
    chosen = cards;
    const form = $("form", dialog), problem = $("[data-move-problem]", dialog);
    form.reset();
    $("h2", dialog).textContent = cards.length === 1 ? "Move “" + B.title(cards[0]) + "” to…" : "Move " + cards.length + " cards to…";
    form.elements.stage.value = (options && options.stage) || cards[0].dataset.stage;
    if (form.elements.override) form.elements.override.checked = Boolean(options && options.override);
    problem.hidden = !(options && options.problem);
    problem.textContent = (options && options.problem) || "";
    positions();
    dialog.showModal();
    (options && options.override ? form.elements.reason : form.elements.stage).focus();
  }
  function positions() {
    const form = $("form", dialog), stage = form.elements.stage.value, select = form.elements.place;
    const options = [new Option("At the bottom", "bottom"), new Option("At the top", "top")];
    const home = B.cells().filter((cell) => cell.dataset.stage === stage);
    home.flatMap((cell) => B.cardsOf(cell)).filter((card) => !chosen.includes(card)).slice(0, 100)
      .forEach((card) => options.push(new Option("After " + B.title(card), card.dataset.card)));
    select.replaceChildren(...options);
  }
  if (dialog) {
    $("[name=stage]", dialog).addEventListener("change", positions);
    $("[data-close]", dialog).addEventListener("click", () => dialog.close("cancel"));
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "move") { B.focus(chosen[0]); return; }
      const fields = $("form", dialog).elements;
      const stage = fields.stage.value, place = fields.place.value;
      const lane = fields.lane && fields.lane.value !== "*" ? fields.lane.value : chosen[0].dataset.lane;
      const cell = B.cell(stage, lane);
      const target = { stage, cell, reason: fields.reason.value, override: Boolean(fields.override && fields.override.checked) };
      if (fields.lane && fields.lane.value !== "*") target.lane = lane;
      if (place === "top") { target.edge = "top"; target.before = B.cardsOf(cell)[0] || null; }
      else if (place === "bottom") { target.edge = "bottom"; }
      else { const above = B.card(place); target.before = above ? above.nextElementSibling : null; target.cell = above ? above.parentElement : cell; }
      const first = chosen[0];
      move(chosen, target).then(() => { B.clearPicks(); B.focus(B.card(first.dataset.card)); });
      dialog.returnValue = "";
    });
  }
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-move-to]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    openDialog([link.closest("[data-card]")]);
  });

  Object.assign(B, { move, show, undo, refresh, dialog: openDialog, inOrder: (cards) => $$("[data-card]").filter((card) => cards.includes(card)) });
})();
