/* Ticking a task: the page first, the server next; if it refuses, the tick goes back and the reason is said. */
(function () {
  "use strict";

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-tick]");
    if (!form) return;
    event.preventDefault();
    const button = form.querySelector("button"), row = form.closest("tr");
    const done = button.getAttribute("aria-checked") !== "true";
    const show = (isDone) => { button.setAttribute("aria-checked", String(isDone)); row.classList.toggle("is-done", isDone); };
    show(done);
    button.disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Requested-With": "fetch" } });
      if (answer.status !== 204) throw new Error(String(answer.status));
      form.action = form.action.replace(/(complete|reopen)$/, done ? "reopen" : "complete");
      window.Hub.toast(done ? "Done" : "Open again");
    } catch (error) {
      show(!done);
      window.Hub.toast("This could not be saved. The task is as it was.");
    } finally {
      button.disabled = false;
      button.blur(); // the list may renew itself now
    }
  });
})();
