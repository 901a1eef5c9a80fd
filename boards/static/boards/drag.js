/* Drag and drop with pointer events: mouse after 5 px, touch by the handle or after a press of 300 ms. */
(function () {
  "use strict";
  const B = window.LockstepBoard;
  if (!B || !B.may("move")) return;
  const THRESHOLD = 5, PRESS_MS = 300, EDGE = 60;
  let drag = null, press = 0, scroller = 0;

  document.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || drag) return;
    const card = event.target.closest("[data-card]");
    if (!card || card.classList.contains("is-saving") || event.target.closest("input, button, .badge a")) return;
    const touch = event.pointerType !== "mouse";
    const grip = event.target.closest("[data-grip]");
    drag = { card, id: event.pointerId, x: event.clientX, y: event.clientY, touch, begun: false, armed: !touch || Boolean(grip) };
    if (touch && !grip) press = setTimeout(() => { if (drag && !drag.begun) { drag.armed = true; begin(drag.x, drag.y); } }, PRESS_MS);
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.id) return;
    const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > THRESHOLD;
    if (!drag.begun && far) {
      if (!drag.armed) { cancel(); return; } // a swipe scrolls
      begin(event.clientX, event.clientY);
    }
    if (drag && drag.begun) { event.preventDefault(); follow(event.clientX, event.clientY); }
  });
  document.addEventListener("touchmove", (event) => { if (drag && drag.begun) event.preventDefault(); }, { passive: false });
  document.addEventListener("pointerup", (event) => { if (drag && event.pointerId === drag.id) drop(); });
  document.addEventListener("pointercancel", () => cancel());
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && drag && drag.begun) { event.preventDefault(); event.stopPropagation(); cancel(); } }, true);
  document.addEventListener("click", (event) => { // the click that ends a drag opens nothing
    if (document.body.dataset.dropped) { event.preventDefault(); event.stopPropagation(); delete document.body.dataset.dropped; }
  }, true);
  document.addEventListener("dragstart", (event) => { if (event.target.closest && event.target.closest("[data-card]")) event.preventDefault(); });

  function begin(x, y) {
    const card = drag.card, box = card.getBoundingClientRect();
    drag.begun = true;
    B.busy = true;
    drag.cards = card.querySelector("[data-card-pick]:checked") ? B.inOrder(B.picked()) : [card];
    drag.dx = drag.x - box.left; drag.dy = drag.y - box.top;
    drag.ghost = card.cloneNode(true);
    drag.ghost.removeAttribute("id"); drag.ghost.removeAttribute("data-card");
    drag.ghost.className = "card card--ghost";
    drag.ghost.setAttribute("aria-hidden", "true");
    drag.ghost.style.width = box.width + "px";
    if (drag.cards.length > 1) {
      const many = document.createElement("span");
      many.className = "pill"; many.textContent = drag.cards.length + " cards";
      drag.ghost.append(many);
    }
    document.body.append(drag.ghost);
    drag.slot = document.createElement("li");
    drag.slot.className = "card-slot";
    drag.slot.style.height = Math.min(box.height, 90) + "px";
    drag.cards.forEach((one) => one.classList.add("is-lifted"));
    document.documentElement.classList.add("is-dragging");
    follow(x, y);
    scroller = requestAnimationFrame(scroll);
  }

  function follow(x, y) {
    drag.px = x; drag.py = y;
    drag.ghost.style.transform = "translate(" + (x - drag.dx) + "px," + (y - drag.dy) + "px) rotate(1.2deg)";
    const under = document.elementFromPoint(x, y);
    const column = under && under.closest("[data-column], [data-head], [data-cell]");
    B.$$(".is-target").forEach((one) => one.classList.remove("is-target"));
    if (!column) { drag.cell = null; drag.slot.remove(); return; }
    const key = column.dataset.column || column.dataset.head || column.dataset.stage;
    const cell = column.dataset.head ? B.cell(key, drag.card.dataset.lane) : column.matches("[data-cell]") ? column : column.querySelector("[data-cell]");
    if (!cell || !B.stages.has(key)) { drag.cell = null; drag.slot.remove(); return; }
    drag.cell = cell; drag.stage = key;
    (column.closest("section") || column).classList.add("is-target");
    const cards = B.cardsOf(cell).filter((one) => !one.classList.contains("is-lifted"));
    const next = cards.find((one) => { const box = one.getBoundingClientRect(); return y < box.top + box.height / 2; });
    drag.next = next || null;
    cell.insertBefore(drag.slot, next || null);
  }

  function scroll() {
    if (!drag || !drag.begun) return;
    const board = B.root.getBoundingClientRect();
    if (drag.px > board.right - EDGE) B.root.scrollLeft += 12;
    if (drag.px < board.left + EDGE) B.root.scrollLeft -= 12;
    if (drag.cell) {
      const box = drag.cell.getBoundingClientRect();
      if (drag.py > Math.min(box.bottom, innerHeight) - EDGE) { drag.cell.scrollTop += 10; if (box.bottom > innerHeight) scrollBy(0, 6); }
      if (drag.py < Math.max(box.top, 0) + EDGE) { drag.cell.scrollTop -= 10; if (box.top < 0) scrollBy(0, -6); }
    }
    scroller = requestAnimationFrame(scroll);
  }

  function drop() {
    if (!drag.begun) { cancel(); return; }
    const { cards, cell, stage, next, card } = drag;
    const lane = cell ? cell.dataset.lane : "";
    document.body.dataset.dropped = "yes";
    setTimeout(() => delete document.body.dataset.dropped, 50);
    end();
    if (cell) dropped(cards, card, cell, stage, next, lane);
    if (B.catchUp) B.catchUp(); // after the move has been put together, of what the person saw
  }
  function dropped(cards, card, cell, stage, next, lane) {
    const target = { cell, stage, before: next };
    if (B.data.laneField && cards.some((one) => one.dataset.lane !== lane)) target.lane = lane;
    const following = cards.length === 1 && card.parentElement === cell && (next === card.nextElementSibling);
    if (following) return; // dropped where it was
    B.move(cards, target).then(() => B.clearPicks());
  }
  function cancel() { if (drag) { end(); if (B.catchUp) B.catchUp(); } }
  function end() {
    clearTimeout(press);
    cancelAnimationFrame(scroller);
    if (drag.ghost) drag.ghost.remove();
    if (drag.slot) drag.slot.remove();
    (drag.cards || []).forEach((one) => one.classList.remove("is-lifted"));
    B.$$(".is-target").forEach((one) => one.classList.remove("is-target"));
    document.documentElement.classList.remove("is-dragging");
    drag = null;
    B.busy = false;
  }
})();
