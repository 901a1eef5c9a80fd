/* Cards as they are now: what changes about a card besides its place (its words, people, badges, lane), and how full
   columns and lanes are where the page cannot count for itself. */
(function () {
  "use strict";
  const B = window.LockstepBoard;
  if (!B) return;
  const { $, $$ } = B;
  const EVENTS = [
    "record.changed", "records.changed", "mapping.changed", "mappings.changed", "mapping.dead",
    "conflict.opened", "conflict.updated", "conflict.decided", "conflict.resolved", "conflict.withdrawn",
  ];
  const SOON_MS = 400, PENDING_MS = 3000, LONGEST_MS = 60000, MOST = 100;
  const stale = new Set();
  let timer = 0, reading = false, wait = PENDING_MS, following = 0;

  // -- cards

  const isPaired = (card) => Boolean($(".badge:not(.badge--idle)", card));
  const onlyPlaced = (news) => Boolean(news.fields) && news.fields.every((name) => name === "stage" || name === "rank");

  function note(type, news) {
    if (type.startsWith("record") && news.type !== B.data.type) return;
    const ids = [news.record, news.record_id, ...(news.record_ids || [])];
    if (type.startsWith("record")) ids.push(news.id, ...(news.ids || []));
    if (news.count > Math.max((news.record_ids || []).length, (news.ids || []).length)) $$("[data-card]").forEach((card) => stale.add(card.dataset.card)); // not all are named
    ids.filter(Boolean).forEach((key) => {
      const card = B.card(key);
      if (card && onlyPlaced(news) && !isPaired(card)) return; // the move itself has been shown
      if (card || (B.data.query && type === "record.changed")) stale.add(key); // a filter may let it in now
    });
    if (stale.size) { wait = PENDING_MS; soon(); }
  }
  function soon() { if (!timer) timer = setTimeout(read, SOON_MS * (1 + Math.random() / 2)); }

  async function read() {
    timer = 0;
    if (B.busy || reading) { soon(); return; }
    const keys = Array.from(stale).slice(0, MOST);
    keys.forEach((key) => stale.delete(key));
    if (!keys.length) return;
    reading = true;
    try { await B.refresh(keys); } catch (error) { /* the next news or the next look tells */ } finally {
      reading = false;
      if (stale.size) soon();
      follow();
    }
  }

  /* A sync that found nothing to do tells nobody: what is pending is looked at again, less and less often. */
  function follow() {
    clearTimeout(following);
    if (!$("[data-card] .badge--info")) return;
    following = setTimeout(() => {
      wait = Math.min(wait * 2, LONGEST_MS);
      if (!document.hidden) $$("[data-card] .badge--info").slice(0, MOST).forEach((badge) => stale.add(badge.closest("[data-card]").dataset.card));
      if (stale.size) soon(); else follow();
    }, wait);
  }

  // -- how full: sizes and lanes are the server's to add up

  const isAsked = B.data.bySize || Boolean(B.data.laneField) || Boolean($("[data-shown]"));
  let asking = 0;
  function fillsSoon() { if (isAsked && !asking) asking = setTimeout(fills, 2 * SOON_MS); }
  async function fills() {
    asking = 0;
    let found;
    try { found = await B.api("GET", "board/" + B.data.type + "/fills?board=" + B.data.board + "&" + B.data.query); } catch (error) { return; }
    if (B.data.bySize) {
      found.stages.forEach((each) => { const head = $('[data-head="' + CSS.escape(each.stage) + '"]'); if (head) B.fill(head, each.total, [each.words, each.tone]); });
    }
    $$("[data-shown]").forEach((holder) => { holder.textContent = "(" + (found.shown[holder.closest("[data-head]").dataset.head] || 0) + " shown)"; });
    const cells = new Map(found.cells.map((each) => [each.stage + "\n" + each.lane, each]));
    B.cells().forEach((cell) => {
      const holder = $("[data-fill]", cell.closest("section"));
      if (!holder) return;
      const each = cells.get(cell.dataset.stage + "\n" + cell.dataset.lane);
      B.fill(holder, each ? (B.data.bySize ? each.total : B.thousands(each.count)) : "0", each ? [each.words, each.tone] : ["", ""]);
      holder.hidden = !each && !$("[data-limit]", holder);
    });
    const shown = new Set($$("[data-lane-row]").map((row) => row.dataset.laneRow));
    const missing = new Set(found.cells.filter((each) => each.count).map((each) => each.lane).filter((lane) => !shown.has(lane)));
    if (missing.size > B.data.hiddenLanes) B.notice("Cards are in a lane that is not shown yet — show");
  }

  EVENTS.forEach((type) => document.addEventListener("lockstep:" + type, (event) => {
    note(type, event.detail.payload || {});
    if (type.startsWith("record")) fillsSoon();
  }));
  document.addEventListener("lockstep:KANBAN_ITEM_MOVED", fillsSoon);
  document.addEventListener("lockstep:gap", () => { $$("[data-card]").forEach((card) => stale.add(card.dataset.card)); soon(); fillsSoon(); });
  follow();
})();
