/* A record's page follows what happens to the record: badges are fetched anew, edits from elsewhere are told. */
(function () {
  "use strict";

  const EVENTS = [
    "record.changed", "records.changed", "mapping.changed", "mappings.changed", "mapping.dead", "log.written",
    "conflict.opened", "conflict.updated", "conflict.decided", "conflict.resolved", "conflict.withdrawn",
  ];
  const PENDING_MS = 3000; // a sync that found nothing to do tells nobody

  function concerns(payload, id) {
    const ids = [...(payload.ids || []), ...(payload.record_ids || [])];
    return [payload.id, payload.record, payload.record_id].includes(id) || ids.includes(id);
  }

  function start() {
    const panel = document.querySelector("[data-record]");
    if (!panel) return;
    const id = panel.dataset.record;
    const notice = panel.querySelector("[data-record-changed]");
    let timer = 0;

    async function refresh() {
      const place = panel.querySelector("[data-record-badges]");
      place.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(panel.dataset.badgesUrl);
        if (answer.ok) place.innerHTML = await answer.text();
      } finally {
        place.removeAttribute("aria-busy");
        follow();
      }
    }

    function follow() {
      clearTimeout(timer);
      if (panel.querySelector("[data-record-badges] .badge--info")) timer = setTimeout(refresh, PENDING_MS);
    }

    EVENTS.forEach((name) => {
      document.addEventListener("lockstep:" + name, (event) => {
        if (!concerns(event.detail.payload || {}, id)) return;
        if (name.startsWith("record")) notice.hidden = false;
        clearTimeout(timer);
        timer = setTimeout(refresh, 200);
      });
    });
    document.addEventListener("lockstep:gap", refresh);
    follow();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
