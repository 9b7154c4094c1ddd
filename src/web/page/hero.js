// From a seed and labels to a portrait: the loops and choices around the networks. Nothing here knows the page.
import { RandomState, ndtr } from "./numbers.js";
import { recolour, write } from "./pyramid.js";

/** A model: what `model.json` says of it, and its networks. */
export class Model {
  /** @param ort onnxruntime's module
   *  @param about the content of `model.json`
   *  @param {(name: string) => Promise<Uint8Array>} read a file */
  static async load(ort, about, read) {
    const model = Object.assign(new Model(), { ort, about, sessions: {} });
    for (const name of Object.keys(about.graphs)) {
      model.sessions[name] = await ort.InferenceSession.create(await read(`${name}.onnx`));
    }
    return model;
  }

  /** What a network gives: output -> tensor. Values are tensors or plain numbers by its inputs. */
  async run(name, values) {
    const feeds = {};
    for (const [input, { type, shape }] of Object.entries(this.about.graphs[name].inputs)) {
      const value = values[input];
      feeds[input] = value instanceof this.ort.Tensor ? value : this.tensor(type, value, shape);
    }
    return this.sessions[name].run(feeds);
  }

  /** @param shape 0 stands for the length that is left to the number of values. */
  tensor(type, values, shape) {
    const others = shape.reduce((product, each) => product * (each || 1), 1);
    const array = { int32: Int32Array, float32: Float32Array, bool: Uint8Array }[type];
    return new this.ort.Tensor(type, array.from(values), shape.map((each) => each || values.length / others));
  }

  /** A portrait: its labels, and RGBA.
   *  @param {number} seed with the labels alone it gives the portrait again
   *  @param {Object<string, string>} requested attribute -> class; what is left out is random
   *  @param report called with every picture on the way, RGBA of any side */
  async sample(seed, requested, report = () => {}) {
    const { labels: sampled, latents } = this.#random(seed);
    const labels = { ...sampled, ...requested };
    const picture = this.about.pyramid
      ? await write(this, this.#numbers(labels), Array.from(latents, ndtr), report)
      : await this.#generate(latents, this.#numbers(labels));
    return { seed, labels, ...picture };
  }

  /** A portrait of `sample` once more, no pixel moved, in every other class of palette. */
  async *recolours(hero) {
    const uniforms = Array.from(this.#random(hero.seed).latents, ndtr);
    for (const palette of this.about.attributes.palette.filter((name) => name !== hero.labels.palette)) {
      const labels = { ...hero.labels, palette };
      yield { ...hero, labels, was: hero.labels.palette, ...(await recolour(this, hero, this.#numbers(labels), uniforms)) };
    }
  }

  /** What comes from a seed: labels, then latents. */
  #random(seed) {
    const random = new RandomState(seed);
    const labels = {};
    for (const [attribute, classes] of Object.entries(this.about.attributes)) {
      labels[attribute] = classes[random.integer(classes.length)];
    }
    return { labels, latents: Float32Array.from({ length: this.about.latent_dim }, () => random.normal()) };
  }

  /** Classes by attribute -> their numbers. */
  #numbers(labels) {
    return Object.entries(this.about.attributes).map(([name, classes]) => classes.indexOf(labels[name]));
  }

  async #generate(latents, labels) {
    const { portrait } = await this.run("generator", { latents, labels });
    const [, , side] = portrait.dims;
    const area = side * side;
    const byte = (place) => Math.round((Math.min(1, Math.max(-1, portrait.data[place])) + 1) * 127.5);
    const rgba = new Uint8ClampedArray(4 * area);
    for (let pixel = 0; pixel < area; pixel++) {
      if (byte(3 * area + pixel) < 128) continue;
      rgba.set([byte(pixel), byte(area + pixel), byte(2 * area + pixel), 255], 4 * pixel);
    }
    return { side, rgba };
  }
}
