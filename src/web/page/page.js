// The page: controls, the portrait, and what it is doing.
const element = (id) => document.getElementById(id);
const worker = new Worker("worker.js", { type: "module" });
const ENLARGED = 8;
// Seeds that the page chooses: short ones, which can be copied by hand.
const SEEDS = 1_000_000;
let about, shown;
let pictures = null;

function say(text, share = null, failed = false) {
  element("status").textContent = text;
  element("status").classList.toggle("error", failed);
  element("progress").style.visibility = share === null ? "hidden" : "visible";
  element("progress").value = share ?? 0;
}

function option(value, text) {
  return Object.assign(document.createElement("option"), { value, textContent: text });
}

function showControls() {
  for (const [attribute, classes] of Object.entries(about.attributes)) {
    const label = document.createElement("label");
    const select = Object.assign(document.createElement("select"), { name: attribute });
    select.append(option("", "any"), ...classes.map((name) => option(name, name)));
    label.append(attribute.replaceAll("_", " "), select);
    element("attributes").append(label);
  }
}

function wait(waiting) {
  for (const id of ["again", "another", "recolour"]) element(id).disabled = waiting;
}

function sampleAnother() {
  element("seed").value = crypto.getRandomValues(new Uint32Array(1))[0] % SEEDS;
  sample();
}

function sample() {
  const chosen = [...element("attributes").querySelectorAll("select")].filter((select) => select.value);
  const requested = Object.fromEntries(chosen.map((select) => [select.name, select.value]));
  wait(true);
  pictures = 0;
  say("Sampling", 0);
  worker.postMessage({ seed: Number(element("seed").value), requested });
}

function recolour() {
  wait(true);
  say("Recolouring", 0);
  worker.postMessage({ hero: shown });
}

function drawOn(canvas, { side, rgba }, scale = 1) {
  const small = scale === 1 ? canvas : document.createElement("canvas");
  small.width = small.height = side;
  small.getContext("2d").putImageData(new ImageData(rgba, side, side), 0, 0);
  if (scale === 1) return;
  canvas.width = canvas.height = side * scale;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, side * scale, side * scale);
}

function offer(id, hero, scale) {
  const canvas = document.createElement("canvas");
  drawOn(canvas, hero, scale);
  const parts = [...Object.values(hero.labels), String(hero.seed).padStart(6, "0")];
  if (hero.was) parts.push("was", hero.was);
  if (scale > 1) parts.push(`x${scale}`);
  const safe = parts.map((part) => part.replace(/[^\p{L}\p{N}.-]+/gu, "-").slice(0, 40));
  canvas.toBlob((blob) => {
    URL.revokeObjectURL(element(id).href);
    Object.assign(element(id), { href: URL.createObjectURL(blob), download: `${["hero", ...safe].join("_")}.png` });
  });
}

function show(hero) {
  shown = hero;
  const words = [...Object.values(hero.labels), `seed ${hero.seed}`, ...(hero.was ? [`was ${hero.was}`] : [])].join(", ");
  drawOn(element("portrait"), hero);
  element("portrait").setAttribute("aria-label", words);
  element("caption").textContent = words;
  offer("true_size", hero, 1);
  offer("enlarged", hero, ENLARGED);
  element("downloads").hidden = false;
  element("recolour").hidden = Boolean(hero.was) || !("recolours" in about.graphs && "palette" in about.attributes);
}

function keep(hero) {
  const button = Object.assign(document.createElement("button"), { title: element("caption").textContent });
  const canvas = document.createElement("canvas");
  drawOn(canvas, hero);
  button.append(canvas);
  button.addEventListener("click", () => show(hero));
  const item = document.createElement("li");
  item.append(button);
  element("earlier").prepend(item);
}

const answers = {
  doing: ({ text, share }) => say(text, share),
  ready: sampleAnother,
  picture({ picture }) {
    drawOn(element("portrait"), picture);
    say(`Sampling: ${picture.side} x ${picture.side}`, (pictures += 1) / steps());
  },
  hero({ hero }) {
    show(hero);
    keep(hero);
  },
  done({ text }) {
    say(text);
    wait(false);
  },
  error({ text }) {
    say(text, null, true);
    wait(pictures === null);
  },
};

/** How many pictures there are on the way to a portrait: one a row of the coarsest map, one a pass over the others. */
function steps() {
  const { sides, passes } = about.pyramid;
  return sides[0] + passes.reduce((sum, each) => sum + each.length, 0);
}

worker.onmessage = ({ data }) => answers[data.kind](data);
worker.onerror = () => say("This browser cannot run the page: it needs module workers and WebAssembly", null, true);
element("another").addEventListener("click", sampleAnother);
element("recolour").addEventListener("click", recolour);
element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  sample();
});

try {
  about = await (await fetch("model.json")).json();
  showControls();
  worker.postMessage({ about });
} catch {
  say("model.json is missing; write the page again", null, true);
}
