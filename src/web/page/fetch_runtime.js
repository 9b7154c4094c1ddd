// After `npm install`: the two files of onnxruntime-web that the page loads, out of the 140 MB of the package.
import { copyFileSync, mkdirSync } from "node:fs";

mkdirSync("ort", { recursive: true });
for (const name of ["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"]) {
  copyFileSync(`node_modules/onnxruntime-web/dist/${name}`, `ort/${name}`);
}
