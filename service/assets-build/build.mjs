/**
 * Build the scripts and style sheets that the service serves: `node build.mjs [output folder]`.
 *
 * Sources are in `pollwire_server/web/static`, the result in `pollwire_server/web/dist`, which is checked in:
 *
 * - `widget.js` and `client.js`: one minified module each, with everything that it imports statically;
 * - `static/**`: every other module and style sheet, minified under its own name; the modules that the widget
 *   loads lazily contain their imports;
 * - `static/widget/*styles.js`: style sheets of the widget as strings, because a constructed style sheet needs no
 *   `style-src` in the policy of the embedding page;
 * - `manifest.json`: the edition, and the SHA-256 of every source and every result.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const WEB = join(dirname(fileURLToPath(import.meta.url)), '../pollwire_server/web');
const SOURCES = join(WEB, 'static');
const ENTRIES = ['client.js', 'widget.js'];
const LAZY_MODULES = ['client/fallback_transports.js', 'widget/cross_origin_check.js', 'widget/ranking.js', 'widget/forecast.js', 'widget/receipt_text.js'];
/** Generated modules, and the style sheets in each. */
const STYLES = {
  'widget/styles.js': ['widget/rows.css', 'widget/widget.css'],
  'widget/ranking_styles.js': ['widget/ranking.css'],
  'widget/forecast_styles.js': ['widget/forecast.css'],
};
/** Properties that only modules inside the bundle of the widget use. They are shortened there. */
const INTERNAL_NAMES = /^(ownProbability|roundedShare|isLeading|isCorrect|ownRank|isFull|(vote|change|withdraw|cancel|verify)Button)$/;
const OPTIONS = { minify: true, target: 'es2022', legalComments: 'none', charset: 'utf8' };

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

function sourceNames() {
  const names = readdirSync(SOURCES, { recursive: true }).map((name) => name.replaceAll('\\', '/'));
  return names.filter((name) => /\.(js|css|svg)$/.test(name)).sort();
}

/** The part of the URL that changes with the content of any source. */
function editionOf(sources) {
  return sha256(Object.entries(sources).map(([name, hash]) => `${name} ${hash}\n`).join('')).slice(0, 12);
}

async function minifiedSheet(name) {
  const { code } = await transform(readFileSync(join(SOURCES, name), 'utf8'), { ...OPTIONS, loader: 'css' });
  return code.trim();
}

/** Resolve the generated style modules, and the place of each module once it is part of an entry. */
function inBundle(styles, entry, prefix) {
  return {
    name: 'pollwire',
    setup(bundler) {
      bundler.onResolve({ filter: /styles\.js$/ }, ({ path }) => ({ path: `widget/${basename(path)}`, namespace: 'styles' }));
      bundler.onLoad({ filter: /.*/, namespace: 'styles' }, ({ path }) => ({ contents: styles[path], loader: 'js' }));
      bundler.onLoad({ filter: /\.js$/, namespace: 'file' }, ({ path }) => {
        const name = path.slice(SOURCES.length + 1).replaceAll('\\', '/');
        const text = readFileSync(path, 'utf8');
        if (!prefix || name === entry) return { contents: text, loader: 'js' };
        const place = `new URL('${prefix}${name}', import.meta.url).href`;
        return { contents: text.replaceAll('import.meta.url', place), loader: 'js' };
      });
    },
  };
}

async function bundle(entry, styles, prefix) {
  const result = await build({
    ...OPTIONS,
    ...(prefix ? { mangleProps: INTERNAL_NAMES } : {}),
    absWorkingDir: SOURCES,
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    write: false,
    plugins: [inBundle(styles, entry, prefix)],
  });
  return result.outputFiles[0].text;
}

const output = resolve(process.argv[2] ?? join(WEB, 'dist'));
const names = sourceNames();
const sources = Object.fromEntries(names.map((name) => [name, sha256(readFileSync(join(SOURCES, name)))]));
const edition = editionOf(sources);

/** @type {Record<string, string>} */
const outputs = {};
for (const name of names.filter((each) => each.endsWith('.css'))) outputs[`static/${name}`] = await minifiedSheet(name);
/** @type {Record<string, string>} */
const styles = {};
for (const [name, sheets] of Object.entries(STYLES)) {
  const text = sheets.map((sheet) => outputs[`static/${sheet}`]).join('');
  styles[name] = `export const styles=${JSON.stringify(text)};\n`;
  outputs[`static/${name}`] = styles[name];
}
for (const name of ENTRIES) outputs[name] = await bundle(name, styles, `./static/${edition}/`);
for (const name of names.filter((each) => each.endsWith('.js') && !ENTRIES.includes(each))) {
  const isLazy = LAZY_MODULES.includes(name);
  const text = readFileSync(join(SOURCES, name), 'utf8');
  outputs[`static/${name}`] = isLazy ? await bundle(name, styles, '') : (await transform(text, { ...OPTIONS, format: 'esm' })).code;
  if (isLazy && outputs[`static/${name}`].match(/\w+/g).some((word) => INTERNAL_NAMES.test(word))) {
    throw new Error(`${name} uses a name that the bundle of the widget shortens.`);
  }
}

rmSync(output, { recursive: true, force: true });
for (const [name, text] of Object.entries(outputs)) {
  mkdirSync(dirname(join(output, name)), { recursive: true });
  writeFileSync(join(output, name), text);
}
const hashes = Object.fromEntries(Object.keys(outputs).sort().map((name) => [name, sha256(outputs[name])]));
writeFileSync(join(output, 'manifest.json'), `${JSON.stringify({ edition, sources, outputs: hashes }, null, 1)}\n`);
console.log(`Built ${Object.keys(outputs).length} files, edition ${edition}.`);
