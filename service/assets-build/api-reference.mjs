/**
 * Copy Scalar's standalone build into the service: `node api-reference.mjs`.
 *
 * `release.json` names the version and the integrity of its npm archive. The archive alone is downloaded,
 * because the build contains its dependencies. The result is stored compressed, as browsers receive it.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const TARGET = join(dirname(fileURLToPath(import.meta.url)), '../pollwire_server/app/openapi/scalar');
const BUILD = 'package/dist/browser/standalone.js';

const release = JSON.parse(readFileSync(join(TARGET, 'release.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'api-reference-'));
try {
  const [archive] = execFileSync('npm', ['pack', '--silent', `${release.package}@${release.version}`], {
    cwd: folder,
    encoding: 'utf8',
  }).trim().split('\n');
  const digest = createHash('sha512').update(readFileSync(join(folder, archive))).digest('base64');
  if (release.integrity !== `sha512-${digest}`) throw new Error(`Unexpected integrity: sha512-${digest}`);
  execFileSync('tar', ['-xzf', archive, BUILD], { cwd: folder });
  const script = readFileSync(join(folder, BUILD));
  release.sha256 = createHash('sha256').update(script).digest('hex');
  writeFileSync(join(TARGET, 'api-reference.js.gz'), gzipSync(script, { level: 9 }));
  writeFileSync(join(TARGET, 'release.json'), `${JSON.stringify(release, null, 1)}\n`);
  console.log(`Copied ${release.package} ${release.version}: ${script.length} bytes.`);
} finally {
  rmSync(folder, { recursive: true });
}
