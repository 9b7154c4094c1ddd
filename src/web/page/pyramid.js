// The palette pyramid's way to a portrait: a palette colour by colour, then maps from coarse to fine, as
// src/pyramid/pyramid.py has it.
import { inverseCdf } from "./numbers.js";

const VALUES = 256;

/** A portrait for uniform numbers: palette, maps and RGBA.
 *  @param {number[]} labels one number an attribute
 *  @param {number[]} uniforms 0 to 1: three a colour, then one for each pixel of each map */
export async function write(model, labels, uniforms, report = () => {}) {
  const { colours: most, sides, no_change, null_labels, palette_top_p, size } = model.about.pyramid;
  let taken = 0;
  const take = (count) => uniforms.slice(taken, (taken += count));
  const chances = take(3 * most).map((uniform) => palette_top_p * uniform);
  const palette = byLightness(await writePalette(model, "palette", [...labels, ...no_change], chances));
  const contexts = [];
  for (const each of [labels, null_labels]) {
    const { colours, used } = padded(palette, most);
    const { embedded, entries } = await model.run("entries", { labels: [...each, ...no_change], colours, used });
    contexts.push({ embedded, entries, used });
  }
  const maps = [];
  for (const [level, side] of sides.entries()) {
    const guided = contexts.slice(0, model.about.pyramid.guided[level] ? 2 : 1);
    const choose = chooser(model.about.pyramid, level, take(side * side));
    const show = (pixels) => report(paint(pixels, palette, side, Math.min(size, side)));
    const parent = maps.at(-1);
    maps.push(await (level ? finerMap(model, guided, level, parent, choose, show) : coarseMap(model, guided, choose, show)));
  }
  return { palette, maps, ...paint(maps.at(-1), palette, sides.at(-1), size) };
}

/** The same portrait in colours for other labels.
 *  @param uniforms as for `write` */
export async function recolour(model, { palette, maps }, labels, uniforms) {
  const { colours: most, no_change, sides, size } = model.about.pyramid;
  const { colours: replaced, used } = padded(palette, most);
  const source = { replaced, used, places: entryPlaces(maps.at(-1), most) };
  const numbers = uniforms.slice(0, 3 * palette.length);
  const written = await writePalette(model, "recolours", [...labels, ...no_change], numbers, source);
  return { palette: written, maps, ...paint(maps.at(-1), written, sides.at(-1), size) };
}

/** A palette as the networks take it: numbers in a row, and which colours there are. */
function padded(palette, most) {
  const colours = new Int32Array(3 * most);
  colours.set(palette.flat());
  return { colours, used: Array.from({ length: most }, (_, entry) => entry < palette.length) };
}

/** Of every colour the share of the map that it fills, and its mean row and column, 0 to 1. */
function entryPlaces(map, most) {
  const side = Math.sqrt(map.length);
  const sums = Array.from({ length: most + 1 }, () => [0, 0, 0]);
  for (const [pixel, entry] of map.entries()) {
    sums[entry][0] += 1;
    sums[entry][1] += (Math.floor(pixel / side) + 0.5) / side;
    sums[entry][2] += ((pixel % side) + 0.5) / side;
  }
  return sums.slice(1).flatMap(([count, row, column]) => [count / map.length, row / (count || 1), column / (count || 1)]);
}

/** Colours [red, green, blue]: one for three numbers, or until the end is chosen in place of a red.
 *  @param source what they replace, as inputs of the network; then there is no end */
async function writePalette(model, network, labels, uniforms, source = null) {
  const written = [];
  const colours = new Int32Array(3 * model.about.pyramid.colours);
  let past = [];
  for (let place = 0; 3 * place < uniforms.length; place++) {
    let found;
    for (const [channel, name] of ["red", "green", "blue"].entries()) {
      found = await model.run(network, { labels, colours, place: [place], past, ...source });
      const logits = source || place === 0 ? found[name].data.subarray(0, VALUES) : found[name].data;
      const value = inverseCdf(logits, uniforms[3 * place + channel]);
      if (value === VALUES) return written;
      colours[3 * place + channel] = value;
    }
    written.push(Array.from(colours.subarray(3 * place, 3 * place + 3)));
    past = found.grown;
  }
  return written;
}

/** Each colour once, from dark to light. */
export function byLightness(colours) {
  const packed = ([red, green, blue]) => (red << 16) | (green << 8) | blue;
  const sorted = [...colours].sort((a, b) => lightness(a) - lightness(b) || packed(a) - packed(b));
  return sorted.filter((each, place) => place === 0 || packed(each) !== packed(sorted[place - 1]));
}

/** OKLab's L (Ottosson, 2020), in steps of 2**-20. */
function lightness(colour) {
  const [red, green, blue] = colour.map((value) =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
  );
  const long = Math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue);
  const medium = Math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue);
  const short = Math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue);
  return Math.trunc((0.2104542553 * long + 0.793617785 * medium - 0.0040720468 * short) * 2 ** 20);
}

/** (arrays of logits with and without labels, pixel, where its logits begin) -> the entry chosen. */
function chooser({ colours, guidance, temperature, top_p }, level, uniforms) {
  return ([conditional, unconditional], pixel, start) => {
    const logits = conditional.slice(start, start + colours + 1).map((logit, entry) => {
      const other = unconditional ? unconditional[start + entry] : logit;
      return (other + guidance * (logit - other)) / temperature[level];
    });
    return inverseCdf(logits, top_p[level] * uniforms[pixel]);
  };
}

async function coarseMap(model, contexts, choose, show) {
  const { colours: most, sides } = model.about.pyramid;
  const prefix = most + 2;
  const pixels = new Int32Array(sides[0] ** 2);
  const pasts = contexts.map(() => []);
  for (let pixel = 0; pixel < pixels.length; pixel++) {
    const fresh = pixel ? [prefix + pixel] : Array.from({ length: prefix + 1 }, (_, place) => place);
    const logits = [];
    for (const [which, context] of contexts.entries()) {
      const found = await model.run("coarse", { ...context, pixels, new: fresh, past: pasts[which] });
      pasts[which] = found.grown;
      logits.push(found.logits.data);
    }
    pixels[pixel] = choose(logits, pixel, 0);
    if ((pixel + 1) % sides[0] === 0) show(pixels);
  }
  return pixels;
}

async function finerMap(model, contexts, level, parent, choose, show) {
  const { colours: most, sides, passes, order } = model.about.pyramid;
  const side = sides[level];
  const turnOf = (pixel) => order[Math.floor(pixel / side) % order.length][pixel % side % order.length];
  const pixels = new Int32Array(side * side);
  for (const [first, last] of passes[level - 1]) {
    const logits = [];
    for (const context of contexts) {
      const found = await model.run(`finer_${side}`, { ...context, parent, pixels, turn: [first] });
      logits.push(found.logits.data);
    }
    const shown = pixels.map((entry, pixel) => {
      const turn = turnOf(pixel);
      if (turn >= first && turn <= last) pixels[pixel] = choose(logits, pixel, pixel * (most + 1));
      const coarser = (Math.floor(pixel / side / 2) * side) / 2 + Math.floor((pixel % side) / 2);
      return turn <= last ? pixels[pixel] : parent[coarser];
    });
    show(shown);
  }
  return pixels;
}

/** Entries of a map of that side -> RGBA of `size`, which leaves out what the map has beyond. */
function paint(pixels, palette, side, size) {
  const rgba = new Uint8ClampedArray(4 * size * size);
  for (let pixel = 0; pixel < size * size; pixel++) {
    const entry = pixels[Math.floor(pixel / size) * side + (pixel % size)];
    if (entry) rgba.set([...palette[entry - 1], 255], 4 * pixel);
  }
  return { side: size, rgba };
}
