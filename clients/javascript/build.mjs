/**
 * Build the npm package: `node build.mjs [output folder]`.
 *
 * The sources are the files that the service serves (`service/pollwire_server/web/static`). Two things differ
 * from what is served. Lazy modules become imports that bundlers can follow, because a bundler moves files and an
 * address relative to `import.meta.url` would then be wrong. The code is not minified, because bundlers do that.
 */
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = dirname(fileURLToPath(import.meta.url));
const SERVICE = join(HERE, '../../service');
const STATIC = join(SERVICE, 'pollwire_server/web/static');
const { build, transformSync } = createRequire(join(SERVICE, 'assets-build/package.json'))('esbuild');

const ELEMENT = `
import { defineLivePoll as define } from './widget/element.js';
export function defineLivePoll(service) {
  define(new URL('.', service).href);
}
`;
const ELEMENT_SERVER = '/** Do nothing: a server renders the tag, and the browser defines the element. */\nexport function defineLivePoll() {}\n';
/** `import(new URL(address, import.meta.url).href)` */
const LAZY_IMPORT = /import\(new URL\((['`])(?:\.\/)?(.*?)\1, import\.meta\.url\)\.href\)/g;

/** Generated modules, and the style sheets in each (as in `service/assets-build/build.mjs`). */
const STYLES = { 'styles.js': ['rows.css', 'widget.css'], 'ranking_styles.js': ['ranking.css'], 'forecast_styles.js': ['forecast.css'] };

function minifiedStyles(module) {
  const read = (name) => readFileSync(join(STATIC, 'widget', name), 'utf8');
  return STYLES[module].map((name) => transformSync(read(name), { loader: 'css', minify: true, target: 'es2022' }).code.trim()).join('');
}

const plugin = {
  name: 'pollwire',
  setup(bundler) {
    bundler.onResolve({ filter: /^element$/ }, () => ({ path: 'element', namespace: 'entry' }));
    bundler.onLoad({ filter: /.*/, namespace: 'entry' }, () => ({ contents: ELEMENT, resolveDir: STATIC }));
    bundler.onResolve({ filter: /styles\.js$/ }, ({ path }) => ({ path: basename(path), namespace: 'styles' }));
    bundler.onLoad({ filter: /.*/, namespace: 'styles' }, ({ path }) => ({
      contents: `export const styles = ${JSON.stringify(minifiedStyles(path))};`,
    }));
    bundler.onLoad({ filter: /\.js$/, namespace: 'file' }, ({ path }) => {
      const text = readFileSync(path, 'utf8').replace(LAZY_IMPORT, (_, quote, name) => {
        const relative = name.startsWith('.') ? name : `./${name}`;
        return `import(${quote}${relative}${quote})`;
      });
      if (text.includes('import(new URL(')) throw new Error(`${path} has a lazy import that bundlers cannot follow.`);
      return { contents: text, loader: 'js' };
    });
  },
};

const output = resolve(process.argv[2] ?? join(HERE, 'dist'));
rmSync(output, { recursive: true, force: true });
await build({
  absWorkingDir: STATIC,
  entryPoints: { client: './client.js', element: 'element' },
  outdir: output,
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  chunkNames: 'chunks/[name]-[hash]',
  plugins: [plugin],
});
writeFileSync(join(output, 'element_server.js'), ELEMENT_SERVER);
writeFileSync(join(output, 'empty.js'), 'export {};\n');
for (const name of ['client.d.ts', 'widget.d.ts']) copyFileSync(join(STATIC, name), join(output, name));
for (const name of readdirSync(join(HERE, 'types'))) copyFileSync(join(HERE, 'types', name), join(output, name));
