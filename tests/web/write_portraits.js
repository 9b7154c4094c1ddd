// node write_portraits.js FOLDER FILE: the page's own code on a page's networks. FILE holds a list of {seed, requested}
// or {labels, uniforms}; what comes out of each goes to stdout as JSON.
import { readFile } from "node:fs/promises";
import * as ort from "onnxruntime-web";

const [folder, file] = process.argv.slice(2);
const { Model } = await import(`${folder}/hero.js`);
const { write } = await import(`${folder}/pyramid.js`);
ort.env.wasm.numThreads = 1;
const about = JSON.parse(await readFile(`${folder}/model.json`, "utf8"));
const model = await Model.load(ort, about, (name) => readFile(`${folder}/${name}`));
const found = [];
for (const { seed, requested, labels, uniforms } of JSON.parse(await readFile(file, "utf8"))) {
  const start = performance.now();
  const { palette, maps, rgba, labels: sampled } = await (uniforms
    ? write(model, labels, uniforms)
    : model.sample(seed, requested));
  const seconds = (performance.now() - start) / 1000;
  found.push({ labels: sampled, palette, maps: maps?.map((map) => [...map]), rgba: [...rgba], seconds });
}
console.log(JSON.stringify(found));
