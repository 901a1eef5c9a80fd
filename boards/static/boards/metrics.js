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
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const base = (extra) => ({ responsive: true, maintainAspectRatio: false, animation: still ? false : { duration: 300 }, ...extra });
  const axis = (title, more) => ({ title: { display: Boolean(title), text: title, color: ink }, ticks: { color: ink, maxRotation: 0, autoSkipPadding: 18 }, grid: { color: line }, beginAtZero: true, ...more });

  const draw = {
    flow: () => ({
      type: "line",
      data: { labels: data.flow.days, datasets: data.flow.stages.map((stage, index, all) => ({ label: stage.name, data: stage.counts, fill: true, stepped: false, pointRadius: 0, borderWidth: 1, borderColor: COLOURS[stage.colour], backgroundColor: COLOURS[stage.colour] + (index && all[index - 1].colour === stage.colour ? "60" : "c0") })) },
      options: base({ interaction: { mode: "index", intersect: false }, scales: { x: axis(""), y: axis("cards", { stacked: true }) }, plugins: { legend: { labels: { color: ink, boxWidth: 12 }, reverse: true } } }),
    }),
    throughput: () => ({
      type: "bar",
      data: { labels: data.throughput.map((row) => row.day), datasets: [{ label: "Finished", data: data.throughput.map((row) => row.count), backgroundColor: accent, maxBarThickness: 28, borderRadius: 3 }] },
      options: base({ scales: { x: axis(""), y: axis("cards", { ticks: { color: ink, precision: 0 } }) }, plugins: { legend: { display: false } } }),
    }),
    scatter: () => {
      const points = data.scatter.points.map((point) => ({ x: Date.parse(point.x), y: point.y }));
      const days = data.flow.days, span = { min: Date.parse(days[0]), max: Date.parse(days[days.length - 1]) + 86400000 };
      const ends = points.length ? [points[0].x, points[points.length - 1].x] : [0, 1];
      const lines = Object.entries(data.scatter.lines).filter(([, value]) => value !== null).map(([share, value]) => ({
        type: "line", label: share + " %", data: ends.map((x) => ({ x, y: value })), pointRadius: 0, borderWidth: 1, borderDash: [5, 4], borderColor: ink,
      }));
      return {
        type: "scatter",
        data: { datasets: [{ label: "Finished cards", data: points, backgroundColor: accent }, ...lines] },
        options: base({ scales: { x: axis("finished", { ...span, beginAtZero: false, ticks: { color: ink, maxRotation: 0, autoSkipPadding: 18, callback: (value) => new Date(value).toISOString().slice(0, 10) } }), y: axis("days") }, plugins: { legend: { labels: { color: ink, boxWidth: 12 } }, tooltip: { callbacks: { label: (item) => item.parsed.y.toFixed(1) + " days" } } } }),
      };
    },
    ageing: () => ({
      type: "scatter",
      data: { datasets: [{ label: "Open cards", data: data.ageing.points.map((point, index) => ({ x: data.ageing.stages.indexOf(point.stage) + ((index % 9) - 4) / 30, y: point.days })), backgroundColor: accent }] },
      options: base({ scales: { x: axis("", { min: -1, max: data.ageing.stages.length, beginAtZero: false, ticks: { color: ink, stepSize: 1, callback: (value) => data.ageing.stages[value] || "" } }), y: axis("days in the stage") }, plugins: { legend: { display: false } } }),
    }),
  };
  document.querySelectorAll("[data-chart]").forEach((canvas) => {
    try { new window.Chart(canvas, draw[canvas.dataset.chart]()); }
    catch (error) { canvas.closest(".board-chart").textContent = "This chart could not be drawn; the table has its values."; }
  });
})();
