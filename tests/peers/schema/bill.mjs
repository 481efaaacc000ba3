// Judges bills of materials by CycloneDX's own JSON Schema with Ajv.
//
//   HUSHGATE_PEERS=<folder with node_modules> node bill.mjs BILL…
//
// It prints a JSON list: for each bill what is wrong with it, nothing when it is valid.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';

const folder = process.env.HUSHGATE_PEERS;
const { default: Ajv } = createRequire(join(folder, 'peers.js'))('ajv');
const schemas = join(folder, 'node_modules/@cyclonedx/cyclonedx-library/res/schema');
const schema = (name) => JSON.parse(readFileSync(join(schemas, `${name}.SNAPSHOT.schema.json`), 'utf8'));

// The schema has keywords of its makers, and formats that need another package.
const ajv = new Ajv({ allErrors: true, strict: false, validateFormats: false });
for (const part of ['spdx', 'jsf-0.82']) {
  ajv.addSchema(schema(part), `http://cyclonedx.org/schema/${part}.SNAPSHOT.schema.json`);
}
const validate = ajv.compile(schema('bom-1.5'));

const found = process.argv.slice(2).map((file) => {
  validate(JSON.parse(readFileSync(file, 'utf8')));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
});
console.log(JSON.stringify(found));
