// Samples in a thread of its own, so that the page stays alive. Takes {about} first, then {seed, requested}, or
// {hero} to recolour; answers with messages of a `kind`: doing, ready, picture, hero, done, error.
import { Model } from "./hero.js";

let model;

async function load(about) {
  const total = Object.values(about.graphs).reduce((sum, { bytes }) => sum + bytes, 0);
  let loaded = 0;
  const read = async (name) => {
    const response = await fetch(name);
    if (!response.ok) throw new Error(`${name} is missing; write the page again`);
    const parts = [];
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
      parts.push(value);
      loaded += value.length;
      const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
      const text = `Loading the model: ${megabytes(loaded)} of ${megabytes(total)} MB`;
      postMessage({ kind: "doing", text, share: loaded / total });
    }
  };
  postMessage({ kind: "doing", text: "Loading onnxruntime", share: 0 });
  const ort = await import("./ort/ort.wasm.bundle.min.mjs").catch(() => {
    throw new Error("onnxruntime-web is missing; run `npm install` in the folder of this page, then reload");
  });
  ort.env.logLevel = "error";
  model = await Model.load(ort, about, read);
  postMessage({ kind: "ready" });
}

async function sample(seed, requested) {
  const start = performance.now();
  const hero = await model.sample(seed, requested, (picture) => postMessage({ kind: "picture", picture }));
  postMessage({ kind: "hero", hero });
  postMessage({ kind: "done", text: `Sampled in ${((performance.now() - start) / 1000).toFixed(1)} s, in this browser.` });
}

async function recolour(hero) {
  for await (const recoloured of model.recolours(hero)) postMessage({ kind: "hero", hero: recoloured });
  postMessage({ kind: "done", text: "Recoloured: no pixel moved." });
}

onmessage = async ({ data: { about, seed, requested, hero } }) => {
  try {
    await (about ? load(about) : hero ? recolour(hero) : sample(seed, requested));
  } catch (error) {
    postMessage({ kind: "error", text: error.message });
  }
};
