"use strict";
(() => {
  const plots = [...document.querySelectorAll(".r-plot")];
  const root = document.documentElement;
  const PAGE = { width: 690, height: 880, legible: 0.75 }; // what A4 and Letter both hold within the margins, in CSS pixels
  for (const box of document.querySelectorAll(".gc-box")) {
    if (box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      const named = box.getAttribute("aria-label") || box.querySelector("caption")?.textContent || "table";
      box.setAttribute("aria-label", named);
    }
  }

  for (const words of document.querySelectorAll(".gc-words")) {
    if (words.scrollHeight > words.clientHeight + 1) words.tabIndex = 0;
  }

  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const themed = (layout) => {
    const set = { "font.color": colour("--plot-ink") };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) set[`${key}.gridcolor`] = colour("--plot-grid");
    }
    return set;
  };

  async function script() {
    const packed = document.getElementById("gc-plotly").textContent.trim();
    const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const text = await new Response(stream).arrayBuffer();
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    await new Promise((done, failed) => {
      const element = document.createElement("script");
      element.src = url;
      element.onload = done;
      element.onerror = () => failed(new Error("plotly's script did not load"));
      document.head.append(element);
    });
    URL.revokeObjectURL(url);
  }

  async function draw() {
    const figures = JSON.parse(document.getElementById("gc-figures").textContent);
    await script();
    for (const plot of plots) {
      const figure = figures[Number(plot.dataset.figure)];
      const layout = { ...figure.layout, autosize: true };
      delete layout.width;
      const words = plot.firstElementChild;
      const place = document.createElement("div");
      plot.append(place);
      await Plotly.newPlot(place, figure.data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
      await Plotly.relayout(place, themed(place.layout));
      words.remove();
      plot.dataset.drawn = "yes";
    }
  }

  const drawn = () => plots.filter((plot) => plot.dataset.drawn).map((plot) => [plot, plot.firstElementChild]);
  const recolour = () => drawn().forEach(([, place]) => Plotly.relayout(place, themed(place.layout)));

  // A table too wide to be read on paper goes on below itself, its first column repeated.
  function parts(table) {
    const heads = table.tHead ? [...table.tHead.rows[0].cells] : [];
    const even = [...table.rows].every((row) => row.cells.length === heads.length);
    if (!even || heads.length < 3 || PAGE.width / table.scrollWidth > PAGE.legible) return [table];
    const room = PAGE.width / PAGE.legible - heads[0].offsetWidth;
    const groups = [[]];
    let used = 0;
    heads.slice(1).forEach((head, i) => {
      if (used + head.offsetWidth > room && groups.at(-1).length) {
        groups.push([]);
        used = 0;
      }
      groups.at(-1).push(i + 1);
      used += head.offsetWidth;
    });
    const made = groups.map((group, n) => {
      const part = table.cloneNode(true);
      part.classList.add("gc-part");
      for (const row of part.rows) {
        [...row.cells].forEach((cell, i) => { if (i && !group.includes(i)) cell.remove(); });
      }
      if (n && part.caption) part.caption.textContent = `continued, part ${n + 1} of ${groups.length}`;
      return part;
    });
    table.after(...made);
    table.style.display = "none";
    return made;
  }

  function beforePrint() {
    if (root.classList.contains("gc-printing")) return;
    root.classList.add("gc-printing");
    for (const box of document.querySelectorAll(".gc-box")) {
      const whole = box.querySelector("table");
      for (const table of whole && whole.checkVisibility() ? parts(whole) : []) {
        const scale = Math.min(1, PAGE.width / table.scrollWidth);
        if (scale < 1) table.style.zoom = String(scale);
        table.classList.toggle("gc-long", table.offsetHeight * scale > PAGE.height);
      }
    }
    for (const [plot, place] of drawn()) {
      const height = place.layout.height || place.offsetHeight;
      const scale = Math.min(1, PAGE.height / height);
      Plotly.relayout(place, { ...themed(place.layout), autosize: false, width: PAGE.width / scale, height });
      plot.style.zoom = String(scale);
    }
  }

  function afterPrint() {
    root.classList.remove("gc-printing");
    for (const part of document.querySelectorAll(".gc-part")) part.remove();
    for (const table of document.querySelectorAll(".gc-box table")) {
      table.style.zoom = "";
      table.style.display = "";
    }
    for (const [plot, place] of drawn()) {
      plot.style.zoom = "";
      Plotly.relayout(place, { ...themed(place.layout), autosize: true, width: null });
    }
  }

  addEventListener("beforeprint", beforePrint);
  addEventListener("afterprint", afterPrint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  const ready = plots.length ? draw() : Promise.resolve();
  ready.then(
    () => { root.dataset.ready = "yes"; },
    (error) => {
      root.dataset.ready = "failed";
      for (const plot of plots) {
        const said = document.createElement("p");
        said.className = "r-dim";
        said.textContent = `This figure could not be drawn here (${error.message}). In words:`;
        plot.prepend(said);
      }
    },
  );
})();
