// Unpacks the Chromium of the npm package @sparticuz/chromium, which carries it compressed.
//
//   node unpack.mjs <folder with node_modules>
//
// It comes to stand in <folder>/chromium with the libraries and fonts that a bare system lacks.
// It is made for Linux on x86-64; elsewhere nothing is unpacked and the tests look for an installed
// browser.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

const folder = process.argv[2];
if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log(`no Chromium in the npm packages for ${process.platform} on ${process.arch}`);
  process.exit(0);
}
const packed = join(folder, 'node_modules/@sparticuz/chromium/bin');
const unpacked = join(folder, 'chromium');
mkdirSync(unpacked, { recursive: true });

const read = (name) => brotliDecompressSync(readFileSync(join(packed, name)));
writeFileSync(join(unpacked, 'chromium'), read('chromium.br'), { mode: 0o755 });
for (const archive of ['al2023.tar.br', 'fonts.tar.br', 'swiftshader.tar.br']) {
  const tar = join(unpacked, 'archive.tar');
  writeFileSync(tar, read(archive));
  execFileSync('tar', ['-x', '-f', tar, '-C', unpacked], { stdio: 'inherit' });
  rmSync(tar);
}
// The package's own list names folders of the place it is made for.
writeFileSync(
  join(unpacked, 'fonts.conf'),
  `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(unpacked, 'fonts')}</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>${join(unpacked, 'fonts-cache')}</cachedir>
</fontconfig>
`,
);
