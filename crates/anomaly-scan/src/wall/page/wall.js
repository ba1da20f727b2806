"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const wall = JSON.parse(document.getElementById("wall-data").textContent);
  const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
  const stored = {
    get(key) { try { return localStorage.getItem("yagura." + key); } catch { return null; } },
    set(key, value) { try { localStorage.setItem("yagura." + key, value); } catch { /* private mode */ } },
  };

  // Theme: as the system has it, light, dark.
  const themes = ["auto", "light", "dark"];
  const themeButton = document.getElementById("theme");
  const setTheme = (theme) => {
    root.dataset.theme = theme;
    themeButton.textContent = { auto: "Auto", light: "Light", dark: "Dark" }[theme];
    themeButton.setAttribute("aria-label", `Colours: ${theme}. Change`);
  };
  setTheme(themes.includes(stored.get("theme")) ? stored.get("theme") : "auto");
  themeButton.addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme) + 1) % themes.length];
    setTheme(next);
    stored.set("theme", next);
  });

  // Times: in this browser's zone, or in UTC as the queries have them.
  const zoneButton = document.getElementById("zone");
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  let zone = "UTC";
  const parts = (seconds) => {
    const format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
    });
    return Object.fromEntries(format.formatToParts(seconds * 1000).map((part) => [part.type, part.value]));
  };
  const clock = (seconds) => { const p = parts(seconds); return `${p.hour}:${p.minute}`; };
  const day = (seconds) => { const p = parts(seconds); return `${p.weekday} ${p.day} ${p.month}`; };
  const show = (node) => {
    const at = Number(node.dataset.t);
    const since = node.dataset.since;
    const form = since === undefined ? node.dataset.f : day(Number(since)) === day(at) ? "clock" : "full";
    node.textContent = form === "clock" ? clock(at) : form === "day" ? day(at) : `${day(at)}, ${clock(at)}`;
  };
  const setZone = (name) => {
    zone = name;
    all("[data-t]").forEach(show);
    all(".zone").forEach((node) => { node.textContent = name; });
    zoneButton.textContent = name === "UTC" ? "UTC" : "Local time";
    zoneButton.setAttribute("aria-label", `Times in ${name}. Change`);
    zoneButton.hidden = here === "UTC";
  };
  setZone(stored.get("zone") === "UTC" ? "UTC" : here);
  zoneButton.addEventListener("click", () => {
    const next = zone === "UTC" ? here : "UTC";
    stored.set("zone", next === "UTC" ? "UTC" : "local");
    setZone(next);
  });

  // The last quarter of the time alone; so at first, when all that happened is in it.
  const board = document.querySelector(".board");
  const zoomButtons = all(".zoom button");
  const inLast = (incident) => incident.columns[0] >= wall.columns * 0.75;
  const setZoom = (zoom) => {
    if (zoomButtons.length === 0) return;
    board.dataset.zoom = zoom;
    zoomButtons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.zoom === zoom)));
  };
  zoomButtons.forEach((button) => button.addEventListener("click", () => setZoom(button.dataset.zoom)));
  if (wall.incidents.length > 0 && wall.incidents.every(inLast)) setZoom("4");

  // An incident is chosen by its address, so that a link to it can be sent to somebody.
  const select = (id, open) => {
    all(".inc.on, .hit.on").forEach((node) => node.classList.remove("on"));
    const card = id && document.getElementById(id);
    if (!card || !card.classList.contains("inc")) return;
    card.classList.add("on");
    all(`.hit[href="#${CSS.escape(id)}"]`).forEach((node) => node.classList.add("on"));
    if (open) card.querySelector("details").open = true;
    if (!inLast(wall.incidents.find((incident) => "i-" + incident.id === id))) setZoom("1");
  };
  const fromAddress = () => select(decodeURIComponent(location.hash.slice(1)), true);
  addEventListener("hashchange", fromAddress);
  fromAddress();
  all(".inc").forEach((card) => {
    const mark = (on) => all(`.hit[href="#${CSS.escape(card.id)}"]`).forEach((node) => node.classList.toggle("on", on));
    card.addEventListener("pointerenter", () => mark(true));
    card.addEventListener("pointerleave", () => mark(card.classList.contains("on")));
  });
  const choose = (index) => {
    const id = "i-" + wall.incidents[index].id;
    if (location.hash === "#" + id) { fromAddress(); document.getElementById(id).scrollIntoView(); } else { location.hash = id; }
  };

  // What a column of a lane says.
  const tip = document.getElementById("tip");
  const plain = new Intl.NumberFormat("en-GB");
  const lines = (count, noun) => `${plain.format(count)} ${noun}${count === 1 ? "" : "s"}`;
  const line = (text, bold) => {
    const node = document.createElement(bold ? "b" : "span");
    node.textContent = text;
    const row = document.createElement("div");
    row.append(node);
    return row;
  };
  const incidentAt = (lane, column, reach) => {
    const far = (i) => {
      const [first, end] = wall.incidents[i].columns;
      return column < first ? first - column : column >= end ? column - end + 1 : 0;
    };
    // The oddest first, as they come.
    return lane.incidents.filter((i) => far(i) <= reach).sort((a, b) => far(a) - far(b))[0];
  };
  const columnOf = (svg, event, lane) => {
    const box = svg.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * lane.counts.length);
    return Math.min(Math.max(column, 0), lane.counts.length - 1);
  };
  let cursor = null;
  const leave = () => { tip.hidden = true; if (cursor) { cursor.remove(); cursor = null; } };
  all(".lane").forEach((svg) => {
    const lane = wall.lanes[Number(svg.dataset.lane)];
    const reach = (event) => {
      const column = svg.getBoundingClientRect().width / lane.counts.length;
      return Math.ceil((event.pointerType === "touch" ? 22 : 3) / column);
    };
    const over = (event) => {
      const column = columnOf(svg, event, lane);
      const from = wall.from + column * wall.step;
      const found = incidentAt(lane, column, 0);
      const rows = [line(`${lane.service} · ${lane.host}`, true), line(`${day(from)}, ${clock(from)} – ${clock(from + wall.step)}`)];
      const errors = lane.errors[column] ? `, ${lines(lane.errors[column], "error")}` : "";
      rows.push(line(lines(lane.counts[column], "line") + errors));
      if (found !== undefined) {
        const incident = wall.incidents[found];
        rows.push(line(`${incident.rank} · ${incident.title}, score ${incident.score}`, true));
      }
      tip.replaceChildren(...rows);
      tip.hidden = false;
      const width = tip.offsetWidth;
      const x = Math.min(Math.max(event.clientX - width / 2, 8), innerWidth - width - 8);
      const box = svg.getBoundingClientRect();
      const y = box.top - tip.offsetHeight - 8;
      tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y < 4 ? box.bottom + 8 : y)}px)`;
      if (!cursor || cursor.parentNode !== svg) {
        if (cursor) cursor.remove();
        cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
        cursor.setAttribute("class", "cursor");
        cursor.setAttribute("y1", "0");
        cursor.setAttribute("y2", "100%");
        svg.append(cursor);
      }
      const at = ((column + 0.5) / lane.counts.length) * 100 + "%";
      cursor.setAttribute("x1", at);
      cursor.setAttribute("x2", at);
    };
    svg.addEventListener("pointermove", over);
    svg.addEventListener("pointerdown", over);
    svg.addEventListener("pointerleave", leave);
    svg.addEventListener("click", (event) => {
      const found = incidentAt(lane, columnOf(svg, event, lane), reach(event));
      // The keyboard's click has no place: then the link itself does it.
      if (found === undefined || event.detail === 0) return;
      event.preventDefault();
      leave();
      choose(found);
    });
  });
  addEventListener("scroll", leave, { passive: true });
  addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });

  // Copying, also where the clipboard is not allowed: then the text is selected.
  all("button[data-copy]").forEach((button) => {
    button.addEventListener("click", async () => {
      const pre = button.closest(".query").querySelector("pre");
      const label = button.textContent;
      try {
        await navigator.clipboard.writeText(pre.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(pre);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = label; }, 1600);
    });
  });

  // Paper shows everything.
  addEventListener("beforeprint", () => all("details:not([open])").forEach((node) => { node.open = true; node.dataset.printed = ""; }));
  addEventListener("afterprint", () => all("details[data-printed]").forEach((node) => { node.open = false; delete node.dataset.printed; }));
})();
