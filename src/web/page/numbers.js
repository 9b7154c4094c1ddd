// Random numbers as `sample` has them: the same seed gives the same hero in Python and here.

const WORDS = 624;

/** NumPy's RandomState: MT19937 (Matsumoto & Nishimura, 1998), as far as sampling uses it. */
export class RandomState {
  /** @param {number} seed 0 to 2**32 - 1 */
  constructor(seed) {
    this.words = new Uint32Array(WORDS);
    this.words[0] = seed;
    for (let i = 1; i < WORDS; i++) {
      const before = this.words[i - 1];
      this.words[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
    }
    this.place = WORDS;
    this.spare = null;
  }

  uint32() {
    if (this.place === WORDS) this.#renew();
    let word = this.words[this.place++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  #renew() {
    const words = this.words;
    for (let i = 0; i < WORDS; i++) {
      const mixed = (words[i] & 0x80000000) | (words[(i + 1) % WORDS] & 0x7fffffff);
      words[i] = words[(i + 397) % WORDS] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    this.place = 0;
  }

  /** One of the whole numbers below `count`. */
  integer(count) {
    if (count === 1) return 0;
    const mask = 2 ** Math.ceil(Math.log2(count)) - 1;
    for (;;) {
      const number = this.uint32() & mask;
      if (number < count) return number;
    }
  }

  #double() {
    return ((this.uint32() >>> 5) * 67108864 + (this.uint32() >>> 6)) / 9007199254740992;
  }

  /** A number of the normal distribution (Marsaglia's polar method). */
  normal() {
    if (this.spare !== null) {
      const spare = this.spare;
      this.spare = null;
      return spare;
    }
    let first, second, square;
    do {
      first = 2 * this.#double() - 1;
      second = 2 * this.#double() - 1;
      square = first * first + second * second;
    } while (square >= 1 || square === 0);
    const factor = Math.sqrt((-2 * Math.log(square)) / square);
    this.spare = factor * first;
    return factor * second;
  }
}

/** The normal distribution's CDF, to 2e-15 (Marsaglia, 2004). */
export function ndtr(x) {
  let sum = x, before = 0, term = x;
  for (let i = 3; sum !== before; i += 2) {
    before = sum;
    term *= (x * x) / i;
    sum += term;
  }
  return 0.5 + sum * Math.exp(-0.5 * x * x - 0.91893853320467274178);
}

/** The class whose piece of the cumulative distribution softmax(logits) holds the uniform number; likelier classes
 *  come first, as in src/pyramid/choosing.py. */
export function inverseCdf(logits, uniform) {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]);
  const weights = order.map((each) => Math.exp(logits[each] - logits[order[0]]));
  const number = Math.min(uniform, 1 - 1e-9) * weights.reduce((sum, each) => sum + each);
  let sum = 0;
  for (let place = 0; place < order.length; place++) {
    sum += weights[place];
    if (sum > number) return order[place];
  }
  return order.at(-1);
}
