/* News from the room: moves in the order of their numbers, locks, who is here, a new configuration. */
(function () {
  "use strict";
  const B = window.LockstepBoard;
  if (!B) return;
  const { $, $$ } = B;
  const waiting = [];
  let asking = false, again = false;

  document.addEventListener("lockstep:KANBAN_ITEM_MOVED", (event) => { waiting.push(event.detail.payload); work(); });
  document.addEventListener("lockstep:gap", () => ask());
  B.catchUp = work;

  /* While a card is in somebody's hand nothing moves beneath it. */
  function work() {
    if (B.busy) return;
    if (again) ask();
    while (waiting.length) {
      const news = waiting.shift();
      if (news.seq <= B.data.seq) continue;
      if (!news.moves) { ask(); continue; } // more than can be named
      B.show(news.moves);
    }
    setTimeout(() => { if (holes()) ask(); }, 1500);
  }
  let highest = B.data.seq;
  document.addEventListener("lockstep:KANBAN_ITEM_MOVED", (event) => { highest = Math.max(highest, event.detail.payload.seq); });
  const holes = () => highest > B.data.seq;

  /* What was missed, from the last number that is shown. */
  async function ask() {
    if (asking || B.busy) { again = true; return; } // B.catchUp comes back to it
    asking = true; again = false;
    try {
      const found = await B.api("GET", "board/" + B.data.type + "/moves?after=" + B.data.seq);
      if (B.busy) { again = true; return; }
      if (found.last_seq - B.data.seq > 500) { // the page itself is quicker, but not under somebody's hands
        if (document.querySelector("dialog[open], [data-card-pick]:checked") || window.Hub.inField(document.activeElement)) B.notice("Many cards were moved — show");
        else location.reload();
        return;
      }
      await B.show(found.moves);
      if (B.data.seq < found.last_seq && found.moves.length) again = true;
    } catch (error) { /* the next event asks again */ } finally {
      asking = false;
      if (again && !B.busy) ask();
    }
  }
  window.addEventListener("online", ask);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });

  document.addEventListener("lockstep:KANBAN_WIP_WARNING", (event) => {
    if (event.detail.payload.board === B.data.board) window.Hub.toast(event.detail.payload.message);
  });
  document.addEventListener("lockstep:KANBAN_CONFIG", (event) => {
    const news = event.detail.payload;
    if (news.board !== B.data.board || news.version === B.data.version) return;
    B.data.version = news.version;
    B.notice("This board was configured anew — show");
  });

  // -- locks

  const locks = new Map(Object.entries(B.data.locks));
  function showLock(key) {
    const card = B.card(key), lock = locks.get(key);
    if (!card) return;
    const holder = $("[data-lock]", card);
    const theirs = lock && lock.session !== B.session && Date.parse(lock.until) > Date.now();
    holder.hidden = !theirs;
    holder.textContent = theirs ? "🔒 " + lock.by + " is editing" : "";
    card.classList.toggle("is-locked", Boolean(theirs));
  }
  locks.forEach((lock, key) => showLock(key));
  B.showLock = showLock;
  document.addEventListener("lockstep:KANBAN_LOCK", (event) => {
    const news = event.detail.payload;
    if (news.state === "released") locks.delete(news.card); else locks.set(news.card, news);
    showLock(news.card);
  });
  setInterval(() => locks.forEach((lock, key) => showLock(key)), 5000);

  // -- presence: this tab says every 20 s that it is here

  function here(names) {
    const holder = $("[data-here]");
    holder.replaceChildren(...names.map((name) => {
      const mark = document.createElement("span"), letters = document.createElement("span"), full = document.createElement("span");
      const words = name.split(/\s+/).filter(Boolean);
      mark.className = "avatar"; mark.title = name + " is here";
      letters.textContent = (words.length > 1 ? words[0][0] + words.at(-1)[0] : (words[0] || "?")[0]).toUpperCase();
      letters.setAttribute("aria-hidden", "true");
      full.className = "hub-visually-hidden"; full.textContent = name + " is here";
      mark.append(letters, full);
      return mark;
    }));
  }
  document.addEventListener("lockstep:KANBAN_PRESENCE", (event) => { if (event.detail.payload.board === B.data.board) here(event.detail.payload.here); });
  function pulse(leaving) {
    const body = { session: B.session };
    if (leaving) body.leaving = true;
    return B.api("POST", "presence/" + B.data.type + "?board=" + B.data.board, body, { keepalive: Boolean(leaving) })
      .then((found) => { if (!leaving) here(found.here); }).catch(() => {});
  }
  pulse(false);
  setInterval(() => { if (!document.hidden) pulse(false); }, 20000);
  window.addEventListener("pagehide", () => pulse(true));
})();
