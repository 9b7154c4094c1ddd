// node compute_numbers.js FOLDER: what the page's arithmetic gives for the cases on stdin, as JSON.
import { readFileSync } from "node:fs";

const [folder] = process.argv.slice(2);
const { RandomState, inverseCdf, ndtr } = await import(`${folder}/numbers.js`);
const { byLightness } = await import(`${folder}/pyramid.js`);
const { seeds, classes, logits, uniforms, normals, palettes } = JSON.parse(readFileSync(0));
const random = seeds.map((seed) => {
  const state = new RandomState(seed);
  return { integers: classes.map((count) => state.integer(count)), normals: normals.map(() => state.normal()) };
});
const chosen = logits.map((each, row) => inverseCdf(Float32Array.from(each), uniforms[row]));
console.log(JSON.stringify({ random, chosen, ndtr: normals.map(ndtr), palettes: palettes.map(byLightness) }));
