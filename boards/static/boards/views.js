/* Saved views: a filter under a name, one's own or everybody's. */
(function () {
  "use strict";
  const B = window.LockstepBoard;
  if (!B) return;
  const { $, $$ } = B;
  const dialog = $("#view-dialog"), form = dialog && $("form", dialog), menu = $(".board-views");
  const put = (view) => B.api("PUT", "preferences/" + B.data.type + "?board=" + B.data.board, { view });

  const open = $("[data-save-view]");
  if (open && dialog) {
    open.addEventListener("click", () => { $("[data-view-problem]", dialog).hidden = true; dialog.showModal(); form.elements.name.focus(); });
    $("[data-close]", dialog).addEventListener("click", () => dialog.close());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const fields = form.elements, name = fields.name.value.trim();
      try {
        await put({ name, query: location.search.slice(1), shared: Boolean(fields.shared && fields.shared.checked) });
        location.reload();
      } catch (error) {
        const problem = $("[data-view-problem]", dialog);
        problem.textContent = error instanceof B.Refused ? error.message : "The server could not be reached. The view is not saved.";
        problem.hidden = false;
      }
    });
  }
  $$("[data-forget-view]").forEach((button) => button.addEventListener("click", async () => {
    try {
      await put({ name: button.dataset.forgetView, query: "", shared: "shared" in button.dataset });
      const row = button.closest("li"), list = row.parentElement;
      row.remove();
      if (!list.children.length) { list.previousElementSibling.remove(); list.remove(); }
      if (!$("li", menu)) menu.remove();
    } catch (error) {
      B.complain(error instanceof B.Refused ? error.message : "The server could not be reached. The view is still there.");
    }
  }));
  document.addEventListener("click", (event) => { if (menu && menu.open && !menu.contains(event.target)) menu.open = false; });
  if (menu) menu.addEventListener("keydown", (event) => { if (event.key === "Escape" && menu.open) { menu.open = false; $("summary", menu).focus(); } });
})();
