/* Keys and selection: arrows walk cards, Space lifts and drops, M moves to a place, X selects. */
(function () {
  "use strict";
  const B = window.LockstepBoard;
  if (!B) return;
  const { $, $$ } = B;
  let current = null, lifted = null;

  // -- one card is in the order of tabs; arrows go on from there

  function rove() {
    if (!current || !current.isConnected) current = $("[data-card]");
    $$('[data-card][tabindex="0"]').forEach((card) => { if (card !== current) card.tabIndex = -1; });
    if (current) current.tabIndex = 0;
    $$("[data-column]").forEach((column) => column.classList.toggle("is-empty", !$("[data-card]", column)));
  }
  function focus(card) {
    if (!card || !card.isConnected) return;
    current = card;
    rove();
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  document.addEventListener("focusin", (event) => {
    const card = event.target.closest && event.target.closest("[data-card]");
    if (card && card !== current) { current = card; rove(); }
  });

  const visible = () => B.cells().filter((cell) => cell.offsetParent !== null && !cell.closest(".is-collapsed"));
  function beside(card, step) {
    const cells = visible(), lane = card.parentElement.dataset.lane;
    const row = cells.filter((cell) => cell.dataset.lane === lane && !cell.hasAttribute("data-unplaced"));
    for (let at = row.indexOf(card.parentElement) + step; row[at]; at += step) {
      const cards = B.cardsOf(row[at]);
      if (cards.length) return cards[Math.min(B.cardsOf(card.parentElement).indexOf(card), cards.length - 1)];
    }
    return null;
  }

  function walk(card, key) {
    const cards = B.cardsOf(card.parentElement), at = cards.indexOf(card);
    switch (key) {
      case "ArrowDown": return cards[at + 1];
      case "ArrowUp": return cards[at - 1];
      case "Home": return cards[0];
      case "End": return cards[cards.length - 1];
      case "ArrowRight": return beside(card, 1);
      case "ArrowLeft": return beside(card, -1);
    }
    return null;
  }

  // -- lifted: the card itself walks, and goes back on Escape

  function lift(card) {
    lifted = { card, parent: card.parentElement, next: card.nextElementSibling };
    B.busy = true;
    card.classList.add("is-carried");
    B.say("Lifted " + B.title(card) + ", " + whereIs(card) + ". Arrows move it, Space drops, Escape cancels.");
  }
  function whereIs(card) {
    const cards = B.cardsOf(card.parentElement);
    return B.nameOf(card.parentElement.dataset.stage) + ", " + (cards.indexOf(card) + 1) + " of " + cards.length;
  }
  function carry(key) {
    const card = lifted.card, cell = card.parentElement;
    if (key === "ArrowDown" && card.nextElementSibling && card.nextElementSibling.dataset.card) card.nextElementSibling.after(card);
    if (key === "ArrowUp" && card.previousElementSibling && card.previousElementSibling.dataset.card) card.previousElementSibling.before(card);
    if (key === "ArrowLeft" || key === "ArrowRight") {
      const row = visible().filter((one) => one.dataset.lane === cell.dataset.lane && !one.hasAttribute("data-unplaced"));
      const next = row[row.indexOf(cell) + (key === "ArrowRight" ? 1 : -1)];
      if (next) next.insertBefore(card, B.cardsOf(next)[Math.max(0, B.cardsOf(cell).indexOf(card))] || null);
    }
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest", inline: "nearest" });
    B.say(whereIs(card));
  }
  function putBack() {
    const { card, parent, next } = lifted;
    parent.insertBefore(card, next && next.parentElement === parent ? next : null);
    card.classList.remove("is-carried");
    lifted = null;
    B.busy = false;
    return card;
  }
  function settle() {
    const cell = lifted.card.parentElement, before = lifted.card.nextElementSibling;
    const unmoved = cell === lifted.parent && before === lifted.next;
    const card = putBack();
    if (unmoved) { focus(card); B.say("Dropped where it was."); return; }
    B.move([card], { cell, stage: cell.dataset.stage, before }).then(() => { focus(B.card(card.dataset.card)); if (B.catchUp) B.catchUp(); });
  }

  /* Who goes elsewhere with the pointer or the focus has let go of it. */
  function letGo(event) {
    if (!lifted || lifted.card.contains(event.target)) return;
    putBack();
    B.say("Cancelled; the card is where it was.");
    if (B.catchUp) B.catchUp();
  }
  document.addEventListener("pointerdown", letGo, true);
  document.addEventListener("focusin", letGo);

  document.addEventListener("keydown", (event) => {
    const undoing = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !window.Hub.inField(event.target);
    if (undoing && B.may("move")) { event.preventDefault(); B.undo(event.shiftKey ? "redo" : "undo"); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const card = event.target.closest && event.target.closest("[data-card]");
    if (!card || window.Hub.inField(event.target)) return;
    if (lifted) {
      if (event.key.startsWith("Arrow")) { event.preventDefault(); carry(event.key); }
      else if (event.key === " " || event.key === "Enter") { event.preventDefault(); settle(); }
      else if (event.key === "Escape" || event.key === "Tab") { event.preventDefault(); focus(putBack()); B.say("Cancelled; the card is where it was."); if (B.catchUp) B.catchUp(); }
      return;
    }
    const next = walk(card, event.key);
    if (next) { event.preventDefault(); focus(next); return; }
    if (event.target !== card) return;
    const single = localStorage.getItem("hub-shortcuts") !== "off";
    if (event.key === "Enter") { event.preventDefault(); $(".card__title", card).click(); }
    else if (event.key === " " && B.may("move")) { event.preventDefault(); lift(card); }
    else if (single && event.key.toLowerCase() === "m" && B.may("move")) { event.preventDefault(); B.dialog(picked().includes(card) ? B.inOrder(picked()) : [card]); }
    else if (single && event.key.toLowerCase() === "x" && B.may("move")) {
      event.preventDefault(); event.stopPropagation();
      const box = $("[data-card-pick]", card);
      box.checked = !box.checked;
      picks();
    }
  }, true);

  // -- selection

  let last = null;
  const picked = () => $$("[data-card-pick]:checked").map((box) => box.closest("[data-card]"));
  function picks() {
    const found = picked(), bar = $("[data-picked-bar]");
    bar.hidden = !found.length;
    $("[data-picked-count]", bar).textContent = found.length + (found.length === 1 ? " card selected" : " cards selected");
    $$("[data-card]").forEach((card) => card.classList.toggle("is-picked", found.includes(card)));
  }
  document.addEventListener("click", (event) => {
    const box = event.target.closest("[data-card-pick]");
    if (box) {
      if (event.shiftKey && last && last.isConnected) {
        const boxes = $$("[data-card-pick]"), ends = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
        boxes.slice(ends[0], ends[1] + 1).forEach((one) => { one.checked = box.checked; });
      }
      last = box;
      picks();
    }
    if (event.target.closest("[data-clear-picked]")) clearPicks();
    if (event.target.closest("[data-move-picked]")) B.dialog(B.inOrder(picked()));
  });
  function clearPicks() { $$("[data-card-pick]:checked").forEach((box) => { box.checked = false; }); picks(); }

  Object.assign(B, { rove, focus, picked, clearPicks });
  rove();
})();
