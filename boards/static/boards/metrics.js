/* The charts of a board's figures, drawn with the theme's own copy of Chart.js; each has its table beside it. */
(function () {
  "use strict";
  const element = document.getElementById("figures-data");
  if (!element || !window.Chart) return;
  const data = JSON.parse(element.textContent);
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--hub-subtle").trim() || "#667", line = style.getPropertyValue("--hub-line").trim() || "#ddd";
  const accent = style.getPropertyValue("--hub-accent").trim() || "#4453d6";
  const COLOURS = { grey: "#94a3b8", blue: "#3b82f6", teal: "#14b8a6", green: "#22c55e", yellow: "#eab308", orange: "#f97316", red: "#ef4444", purple: "#a855f7" };
  const LISTED = 50; // cards that a frame names
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const base = (extra) => ({ responsive: true, maintainAspectRatio: false, animation: still ? false : { duration: 300 }, ...extra });
  const axis = (title, more) => ({ title: { display: Boolean(title), text: title, color: ink }, ticks: { color: ink, maxRotation: 0, autoSkipPadding: 18 }, grid: { color: line }, beginAtZero: true, ...more });
  const inDays = (value) => value.toFixed(1) + (value === 1 ? " day" : " days");

  /* A point is a card: its title under the pointer, its page at a click. */
  const ofCards = {
    tooltip: { filter: (item) => item.datasetIndex === 0, callbacks: { label: (item) => item.raw.title + ": " + inDays(item.parsed.y) } },
    onClick: (event, items) => { const found = items.find((item) => item.datasetIndex === 0); if (found && found.element.$context.raw.url) location.assign(found.element.$context.raw.url); },
    onHover: (event, items) => { event.native.target.style.cursor = items.some((item) => item.datasetIndex === 0) ? "pointer" : ""; },
  };
  const dashed = (share, points, more) => ({ type: "line", label: share + " %", data: points, pointRadius: 0, pointHitRadius: 0, borderWidth: 1, borderDash: [5, 4], borderColor: ink, ...more });

  const draw = {
    flow: () => ({
      type: "line",
      data: { labels: data.flow.days, datasets: data.flow.stages.map((stage, index, all) => ({ label: stage.name, data: stage.counts, fill: true, stepped: false, pointRadius: 0, borderWidth: 1, borderColor: COLOURS[stage.colour], backgroundColor: COLOURS[stage.colour] + (index && all[index - 1].colour === stage.colour ? "60" : "c0") })) },
      options: base({
        interaction: { mode: "index", intersect: false }, scales: { x: axis(""), y: axis("cards", { stacked: true }) },
        plugins: {
          legend: { labels: { color: ink, boxWidth: 12 }, reverse: true },
          tooltip: { itemSort: (one, other) => one.datasetIndex - other.datasetIndex, callbacks: { footer: (items) => said(data.flow.said[items[0].dataIndex]) } },
        },
      }),
    }),
    throughput: () => ({
      type: "bar",
      data: { labels: data.throughput.map((row) => row.day), datasets: [{ label: "Finished", data: data.throughput.map((row) => row.count), backgroundColor: accent, maxBarThickness: 28, borderRadius: 3 }] },
      options: base({ scales: { x: axis(""), y: axis("cards", { ticks: { color: ink, precision: 0 } }) }, plugins: { legend: { display: false } } }),
    }),
    scatter: () => {
      const points = data.scatter.points.map((point) => ({ ...point, x: Date.parse(point.x) }));
      const days = data.flow.days, span = { min: Date.parse(days[0]), max: Date.parse(days[days.length - 1]) + 86400000 };
      const lines = Object.entries(data.scatter.lines).filter(([, value]) => value !== null).map(([share, value]) => dashed(share, [{ x: span.min, y: value }, { x: span.max, y: value }]));
      return {
        type: "scatter",
        data: { datasets: [{ label: "Finished cards", data: points, backgroundColor: accent }, ...lines] },
        options: base({
          onClick: ofCards.onClick, onHover: ofCards.onHover,
          scales: { x: axis("finished", { ...span, beginAtZero: false, ticks: { color: ink, maxRotation: 0, autoSkipPadding: 18, callback: (value) => new Date(value).toISOString().slice(0, 10) } }), y: axis("days", { suggestedMax: 1 }) },
          plugins: { legend: { labels: { color: ink, boxWidth: 12 } }, tooltip: ofCards.tooltip },
        }),
      };
    },
    ageing: () => {
      const { stages, lines, points } = data.ageing;
      const places = points.map((point, index) => ({ ...point, x: stages.indexOf(point.stage) + ((index % 9) - 4) / 30 }));
      const marks = ["50", "70", "85", "95"].map((share, index) => dashed(share, stages.flatMap((name, at) => (lines[at][share] === null ? [] : [{ x: at - 0.38, y: lines[at][share] }, { x: at + 0.38, y: lines[at][share] }, { x: at + 0.38, y: NaN }])), { borderDash: [], borderWidth: 1 + index / 2, spanGaps: false }));
      return {
        type: "scatter",
        data: { datasets: [{ label: "Open cards", data: places, backgroundColor: accent }, ...marks.filter((each) => each.data.length)] },
        options: base({
          onClick: ofCards.onClick, onHover: ofCards.onHover,
          scales: { x: axis("", { min: -1, max: stages.length, beginAtZero: false, ticks: { color: ink, stepSize: 1, callback: (value) => stages[value] || "" } }), y: axis("days in the stage", { suggestedMax: 1 }) },
          plugins: { legend: { labels: { color: ink, boxWidth: 12 } }, tooltip: ofCards.tooltip },
        }),
      };
    },
  };
  const said = (day) => [day.wip + " open", day.finished + " finished", "Lead time, median: " + day.lead];

  document.querySelectorAll("[data-chart]").forEach((canvas) => {
    try {
      const chart = new window.Chart(canvas, draw[canvas.dataset.chart]());
      if (canvas.dataset.chart === "scatter") frame(chart, canvas);
    } catch (error) { canvas.closest(".board-chart").textContent = "This chart could not be drawn; the table has its values."; }
  });

  /* A frame drawn over the scatter lists the cards in it; the table has them all for who has no pointer. */
  function frame(chart, canvas) {
    const holder = canvas.closest(".board-chart"), list = document.querySelector("[data-framed]"), box = document.createElement("div");
    box.className = "board-frame"; box.hidden = true;
    holder.append(box);
    let from = null;
    const at = (event) => { const edge = canvas.getBoundingClientRect(); return { x: event.clientX - edge.left, y: event.clientY - edge.top }; };
    canvas.addEventListener("pointerdown", (event) => { if (event.pointerType === "mouse" && event.button === 0) { from = at(event); canvas.setPointerCapture(event.pointerId); } });
    canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      const to = at(event);
      box.hidden = Math.hypot(to.x - from.x, to.y - from.y) < 6;
      Object.assign(box.style, { left: Math.min(from.x, to.x) + "px", top: Math.min(from.y, to.y) + "px", width: Math.abs(to.x - from.x) + "px", height: Math.abs(to.y - from.y) + "px" });
    });
    canvas.addEventListener("pointercancel", () => { from = null; box.hidden = true; });
    canvas.addEventListener("pointerup", (event) => {
      if (!from) return;
      const to = at(event), drawn = !box.hidden;
      const [x, y] = [chart.scales.x, chart.scales.y];
      const [left, right] = [from.x, to.x].sort((a, b) => a - b).map((value) => x.getValueForPixel(value));
      const [low, high] = [from.y, to.y].map((value) => y.getValueForPixel(value)).sort((a, b) => a - b);
      from = null; box.hidden = true;
      if (!drawn) return;
      addEventListener("click", (click) => click.stopPropagation(), { capture: true, once: true }); // the click that ends a frame opens nothing
      tell(list, chart.data.datasets[0].data.filter((point) => point.x >= left && point.x <= right && point.y >= low && point.y <= high));
    });
  }
  function tell(list, cards) {
    const sorted = cards.slice().sort((one, other) => other.y - one.y), values = sorted.map((card) => card.y).reverse();
    const middle = values.length >> 1, median = values.length % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    const words = document.createElement("p"), clear = document.createElement("button"), items = document.createElement("ul");
    words.textContent = cards.length ? cards.length + (cards.length === 1 ? " card" : " cards") + " in the frame, cycle time " + inDays(values[0]) + " to " + inDays(values.at(-1)) + ", median " + inDays(median) + "." : "No card in the frame.";
    clear.type = "button"; clear.className = "hub-btn hub-btn--small hub-btn--quiet"; clear.textContent = "Clear";
    clear.addEventListener("click", () => list.replaceChildren());
    words.append(" ", clear);
    items.append(...sorted.slice(0, LISTED).map((card) => {
      const item = document.createElement("li"), link = document.createElement(card.url ? "a" : "span");
      if (card.url) link.href = card.url;
      link.textContent = card.title;
      item.append(link, " " + inDays(card.y));
      return item;
    }));
    if (sorted.length > LISTED) items.append(Object.assign(document.createElement("li"), { textContent: "and " + (sorted.length - LISTED) + " more, in the table" }));
    list.replaceChildren(words, items);
  }
})();
