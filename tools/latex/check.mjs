// Draw every formula of a JSON file with KaTeX, where every warning is an error, and with MathJax as notebooks have it.
// KaTeX is given room for the longest derivation, of the LSTM with full gate recurrence, which its default refuses.
// npm install katex@0.16 mathjax-full@3 && node check.mjs all.json
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
const require = createRequire(process.cwd() + "/");
const katex = require("katex");
const { mathjax } = require("mathjax-full/js/mathjax.js");
const { TeX } = require("mathjax-full/js/input/tex.js");
const { SVG } = require("mathjax-full/js/output/svg.js");
const { liteAdaptor } = require("mathjax-full/js/adaptors/liteAdaptor.js");
const { RegisterHTMLHandler } = require("mathjax-full/js/handlers/html.js");
require("mathjax-full/js/input/tex/AllPackages.js");

const adaptor = liteAdaptor();
RegisterHTMLHandler(adaptor);
const raise = (jax, error) => { throw error; };
const input = new TeX({ packages: ["base", "ams"], formatError: raise });
const page = mathjax.document("", { InputJax: input, OutputJax: new SVG() });
const drawn = {
  KaTeX: (source, display) => katex.renderToString(source, { displayMode: display, strict: "error", throwOnError: true, maxExpand: 10000 }),
  MathJax: (source, display) => page.convert(source, { display }),
};

const sources = [...new Set(JSON.parse(readFileSync(process.argv[2])))];
let failures = 0;
for (const source of sources)
  for (const [name, draw] of Object.entries(drawn))
    try {
      draw(source, source.startsWith("\\begin"));
    } catch (error) {
      failures += 1;
      console.log(`${name}: ${error.message}\n  in ${source.slice(0, 200)}`);
    }
console.log(`${sources.length} formulas, ${failures} failures`);
process.exit(failures ? 1 : 0);
