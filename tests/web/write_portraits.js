// node write_portraits.js FOLDER FILE: the page's own code on a page's networks. FILE holds a list of {seed, requested, recolours}
// or {labels, uniforms}; what comes out of each, then its recolours, goes to stdout as JSON.
import { readFile } from "node:fs/promises";
import * as ort from "onnxruntime-web";

const [folder, file] = process.argv.slice(2);
const { Model } = await import(`${folder}/hero.js`);
const { write } = await import(`${folder}/pyramid.js`);
ort.env.wasm.numThreads = 1;
const about = JSON.parse(await readFile(`${folder}/model.json`, "utf8"));
const model = await Model.load(ort, about, (name) => readFile(`${folder}/${name}`));
const found = [];
const add = ({ labels, palette, maps, rgba }) =>
  found.push({ labels, palette, maps: maps?.map((map) => [...map]), rgba: [...rgba] });
for (const { seed, requested, recolours, labels, uniforms } of JSON.parse(await readFile(file, "utf8"))) {
  const hero = await (uniforms ? write(model, labels, uniforms) : model.sample(seed, requested));
  add(hero);
  if (recolours) for await (const recoloured of model.recolours(hero)) add(recoloured);
}
console.log(JSON.stringify(found));
