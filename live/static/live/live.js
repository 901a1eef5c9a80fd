/* Live updates of a page. No framework.

   <body data-live-room="tenant:…:sync" data-live-after="12">   any number of elements, one room each
   <span data-live-status role="status"></span>                 shows Live / Reconnecting / Updates paused
   <script src="live.js" data-live-socket="/ws/live" data-live-poll="/admin/hub/events" defer></script>

   Every event becomes a CustomEvent on document, "lockstep:<type>", with {room, seq, type, payload, at} as its
   detail; "lockstep:gap" ({room}) says that events have expired: reload what is shown. Nothing is delivered
   twice, nothing between two connections is lost. */
(function () {
  "use strict";

  if (window.LockstepLive) return; // one connection per page, however often the file is named

  const script = document.currentScript;
  const socketPath = (script && script.dataset.liveSocket) || "/ws/live";
  const pollPath = (script && script.dataset.livePoll) || "/admin/hub/events";
  const POLL_MS = 10000;
  const POLL_HIDDEN_MS = 60000;
  const SILENCE_MS = 40000; // more than two heartbeats missed
  const MAX_WAIT_MS = 30000;
  const WORDS = { live: "Live", reconnecting: "Reconnecting", paused: "Updates paused" };

  const rooms = new Map(); // room → number of the last event delivered, null before the first answer
  let socket = null;
  let failures = 0;
  let connectTimer = 0;
  let silenceTimer = 0;
  let pollTimer = 0;
  let ended = false; // signed out or no longer a member: no more tries

  function show(state) {
    document.querySelectorAll("[data-live-status]").forEach((element) => {
      if (element.dataset.state !== state) {
        element.dataset.state = state;
        element.textContent = WORDS[state];
      }
    });
  }

  function dispatch(name, detail) {
    document.dispatchEvent(new CustomEvent("lockstep:" + name, { detail }));
  }

  function deliver(event) {
    const last = rooms.get(event.room);
    if (last === undefined || (last !== null && event.seq <= last)) return;
    rooms.set(event.room, event.seq);
    dispatch(event.type, event);
  }

  function begin(room, lastSeq, gap) {
    if (rooms.get(room) === null || gap) rooms.set(room, lastSeq);
    if (gap) dispatch("gap", { room });
  }

  // --- the socket

  function connect() {
    if (ended || socket) return;
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    const mine = new WebSocket(scheme + location.host + socketPath);
    socket = mine;
    mine.onopen = () => rooms.forEach((after, room) => subscribe(room, after));
    mine.onmessage = (message) => {
      listen();
      receive(JSON.parse(message.data));
    };
    mine.onclose = (close) => {
      if (socket === mine) lost(close.code);
    };
    listen();
  }

  function subscribe(room, after) {
    if (socket && socket.readyState === WebSocket.OPEN) {
      socket.send(JSON.stringify({ subscribe: room, after }));
    }
  }

  function receive(message) {
    if (message.subscribed) {
      begin(message.subscribed, message.last_seq, message.gap);
      failures = 0;
      stopPolling();
      show("live");
    } else if (message.room) {
      deliver(message);
    } else if (message.error === "no_such_room") {
      end();
    }
  }

  function listen() {
    clearTimeout(silenceTimer);
    silenceTimer = setTimeout(() => {
      if (!socket) return;
      const silent = socket;
      socket = null;
      silent.onclose = null;
      silent.close();
      lost(1006);
    }, SILENCE_MS);
  }

  function lost(code) {
    socket = null;
    clearTimeout(silenceTimer);
    if (code === 4401 || code === 4403) {
      end();
      return;
    }
    failures += 1;
    if (failures <= 2) show("reconnecting");
    else startPolling();
    const wait = Math.min(MAX_WAIT_MS, 500 * 2 ** Math.min(failures, 6)) * (1 + Math.random() * 0.2);
    clearTimeout(connectTimer);
    connectTimer = setTimeout(connect, wait);
  }

  function end() {
    ended = true;
    stopPolling();
    clearTimeout(silenceTimer);
    clearTimeout(connectTimer);
    if (socket) {
      socket.onclose = null;
      socket.close();
      socket = null;
    }
    show("paused");
  }

  // --- polling, while there is no socket

  function startPolling() {
    if (!pollTimer) poll();
  }

  function stopPolling() {
    clearTimeout(pollTimer);
    pollTimer = 0;
  }

  async function poll() {
    pollTimer = -1;
    let reached = true;
    for (const [room, after] of rooms) {
      reached = (await pollRoom(room, after)) && reached;
      if (ended) return;
    }
    if (pollTimer === 0) return; // the socket came back meanwhile
    show(reached ? "live" : "paused");
    pollTimer = setTimeout(poll, document.hidden ? POLL_HIDDEN_MS : POLL_MS);
  }

  async function pollRoom(room, after) {
    const query = new URLSearchParams({ room });
    if (after !== null) query.set("after", String(after));
    try {
      const answer = await fetch(pollPath + "?" + query, { headers: { Accept: "application/json" } });
      if (answer.status === 401 || answer.status === 404) {
        end();
        return false;
      }
      if (!answer.ok) return false;
      const found = await answer.json();
      begin(room, after === null || found.gap ? firstBefore(found) : after, found.gap);
      found.events.forEach(deliver);
      return true;
    } catch (error) {
      return false;
    }
  }

  function firstBefore(found) {
    return found.events.length ? found.events[0].seq - 1 : found.last_seq;
  }

  // --- for pages that add a room later

  function join(room, after) {
    if (rooms.has(room)) return;
    rooms.set(room, after === undefined || after === "" ? null : Number(after));
    if (socket) subscribe(room, rooms.get(room));
    else connect();
  }

  function start() {
    document.querySelectorAll("[data-live-room]").forEach((element) => {
      join(element.dataset.liveRoom, element.dataset.liveAfter);
    });
    if (rooms.size) show("reconnecting");
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && pollTimer > 0) {
      clearTimeout(pollTimer);
      poll();
    }
  });
  window.LockstepLive = { join };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
