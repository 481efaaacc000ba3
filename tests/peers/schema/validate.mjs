// Judges YAML documents by a JSON Schema (draft 2020-12) with Ajv.
//
//   HUSHGATE_PEERS=<folder with node_modules> node validate.mjs SCHEMA < DOCUMENTS
//
// DOCUMENTS is a JSON list of YAML texts. It prints a JSON list as long: for each document what is
// wrong with it, nothing when it is valid.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';

const peers = createRequire(join(process.env.HUSHGATE_PEERS, 'peers.js'));
const { default: Ajv } = peers('ajv/dist/2020');
const { parse } = peers('yaml');

const schema = JSON.parse(readFileSync(process.argv[2], 'utf8'));
// Beside its own strictness: requirements of members stand away from the members.
const ajv = new Ajv({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true });
const validate = ajv.compile(schema);

const documents = JSON.parse(readFileSync(0, 'utf8'));
const found = documents.map((text) => {
  validate(parse(text));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
});
console.log(JSON.stringify(found));
