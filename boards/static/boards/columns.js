/* Columns: paging with a bounded number of cards in the page, collapsing, the column picker of a phone. */
(function () {
  "use strict";
  const B = window.LockstepBoard;
  if (!B) return;
  const { $, $$ } = B;
  const BOUND = 300; // cards in the page, all columns together

  const cursorAfter = (card) => btoa(JSON.stringify([card.dataset.rank, card.dataset.card])).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const gone = new WeakMap(); // cell → pages taken from its top: [{after, height}]

  function spacer(cell) {
    const pages = gone.get(cell) || [];
    let element = cell.querySelector(":scope > .column__spacer");
    const height = pages.reduce((sum, page) => sum + page.height, 0);
    if (!height) { if (element) element.remove(); return null; }
    if (!element) {
      element = document.createElement("li");
      element.className = "column__spacer";
      element.setAttribute("aria-hidden", "true");
      cell.prepend(element);
    }
    element.style.height = height + "px";
    return element;
  }

  async function more(cell) {
    if (!cell.dataset.next || cell.dataset.busy) return;
    cell.dataset.busy = "yes";
    cell.setAttribute("aria-busy", "true");
    try {
      const query = { stage: cell.dataset.stage, cursor: cell.dataset.next };
      if (B.data.laneField) query.lane = cell.dataset.lane;
      const found = await B.fragment(query);
      found.cards.forEach((card) => { if (!B.card(card.dataset.card)) cell.append(card); });
      cell.dataset.next = found.next;
      bound(cell);
    } catch (error) {
      B.complain("This column could not be read further. Try “Show more” again.");
    } finally {
      delete cell.dataset.busy;
      cell.removeAttribute("aria-busy");
      const button = $("[data-more]", cell.closest("section"));
      if (button) button.closest("p").hidden = !cell.dataset.next;
      B.rove();
    }
  }

  /* Too many: a page at the top of this column makes way for a spacer of its height. */
  function bound(cell) {
    while ($$("[data-card]").length > BOUND) {
      const cards = B.cardsOf(cell);
      if (cards.length <= B.data.page) return;
      const page = cards.slice(0, B.data.page);
      const top = page[0].getBoundingClientRect().top, end = cards[B.data.page].getBoundingClientRect().top;
      const pages = gone.get(cell) || [];
      const before = pages.length ? pages[pages.length - 1].last : "";
      const last = page[page.length - 1];
      pages.push({ after: before, last: cursorAfter(last), end: { dataset: { rank: last.dataset.rank, card: last.dataset.card } }, height: end - top });
      gone.set(cell, pages);
      page.forEach((card) => card.remove());
      spacer(cell);
    }
  }

  /* The far end makes way; it is read again as the rest of the column. */
  function cut(cell) {
    B.cardsOf(cell).slice(-B.data.page).forEach((card) => card.remove());
    cell.dataset.next = cursorAfter(B.cardsOf(cell).at(-1));
    const button = $("[data-more]", cell.closest("section"));
    if (button) button.closest("p").hidden = false;
  }

  /* Too many by what came live: the longest column gives way at the end that is further from where it is read. */
  function trim() {
    while ($$("[data-card]").length > BOUND) {
      const cell = B.cells().reduce((one, other) => (B.cardsOf(other).length > B.cardsOf(one).length ? other : one));
      const cards = B.cardsOf(cell).length;
      if (cards <= B.data.page) return;
      if (cell.scrollTop > (cell.scrollHeight - cell.clientHeight) / 2) bound(cell); else cut(cell);
    }
  }

  /* Whether a card's place is in a page that made way. */
  function isGone(cell, card) {
    const pages = gone.get(cell) || [];
    return pages.length > 0 && !B.before(pages[pages.length - 1].end, card);
  }

  async function back(cell) {
    const pages = gone.get(cell) || [];
    if (!pages.length || cell.dataset.busy) return;
    cell.dataset.busy = "yes";
    try {
      const page = pages[pages.length - 1];
      const query = { stage: cell.dataset.stage, cursor: page.after }, found = [];
      if (B.data.laneField) query.lane = cell.dataset.lane;
      do { // there may be more cards in it than there were
        const next = await B.fragment(query);
        found.push(...next.cards);
        query.cursor = next.next;
      } while (query.cursor && B.before(found[found.length - 1], page.end));
      pages.pop();
      found.forEach((card) => { if (!B.card(card.dataset.card)) B.place(card); });
      spacer(cell);
      if ($$("[data-card]").length > BOUND && B.cardsOf(cell).length > 2 * B.data.page) cut(cell);
    } catch (error) { /* scrolling again tries again */ } finally { delete cell.dataset.busy; }
  }

  /* Read on at whichever end is near; again afterwards, because a scroller that is at its end sends no event. */
  async function near(cell) {
    if (cell.dataset.busy) return;
    const space = cell.querySelector(":scope > .column__spacer");
    const top = cell.scrollHeight > cell.clientHeight ? cell.getBoundingClientRect().top : 0; // on a phone the page scrolls
    if (space && space.getBoundingClientRect().bottom > top - 200) {
      const pages = (gone.get(cell) || []).length;
      await back(cell);
      if ((gone.get(cell) || []).length < pages) near(cell);
    } else if (cell.dataset.next && cell.scrollHeight > cell.clientHeight && cell.scrollTop + cell.clientHeight > cell.scrollHeight - 400) {
      const next = cell.dataset.next;
      await more(cell);
      if (cell.dataset.next !== next) near(cell);
    }
  }
  document.addEventListener("scroll", (event) => {
    const cell = event.target.closest && event.target.closest("[data-cell]");
    if (cell) near(cell);
    else B.cells().filter((one) => one.querySelector(":scope > .column__spacer")).forEach(near);
  }, true);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-more]");
    if (button) more($("[data-cell]", button.closest("section")));
  });

  // -- collapsing, kept by the server per person

  let timer = 0;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-collapse]");
    if (!button) return;
    const key = button.closest("[data-head]").dataset.head;
    collapse(key, button.getAttribute("aria-expanded") === "true");
    clearTimeout(timer);
    timer = setTimeout(() => {
      const collapsed = $$("[data-head].is-collapsed").map((head) => head.dataset.head);
      B.api("PUT", "preferences/" + B.data.type + "?board=" + B.data.board, { collapsed }).catch(() => {});
    }, 600);
  });
  function collapse(key, closed) {
    $$('[data-head="' + CSS.escape(key) + '"], [data-column="' + CSS.escape(key) + '"]').forEach((part) => part.classList.toggle("is-collapsed", closed));
    const button = $('[data-head="' + CSS.escape(key) + '"] [data-collapse]');
    button.setAttribute("aria-expanded", String(!closed));
    button.setAttribute("aria-label", (closed ? "Expand " : "Collapse ") + B.nameOf(key));
  }

  // -- a phone shows one column

  const picker = $("[data-column-pick]");
  function show(key) {
    $$("[data-column], [data-head]").forEach((part) => part.classList.toggle("is-picked", (part.dataset.column || part.dataset.head) === key));
  }
  if (picker) {
    const kept = sessionStorage.getItem("column:" + B.data.board);
    if (kept && B.stages.has(kept)) picker.value = kept;
    show(picker.value);
    picker.addEventListener("change", () => { show(picker.value); sessionStorage.setItem("column:" + B.data.board, picker.value); });
  }
  B.showColumn = (key) => { if (picker) { picker.value = key; show(key); } };

  Object.assign(B, { trim, isGone });
})();
