// A source that speaks HTTP/2 over TLS and nothing else, and does what the call's `next_page_token` names.
//
// FOLDER holds `chain.pem`. The first line of output is JSON: {origin}.

import http2 from "node:http2";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const chain = readFileSync(join(process.env.FOLDER, "chain.pem"));
const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_ENHANCE_YOUR_CALM } = http2.constants;
const PERSON = "ingrid.halvorsen@meridian.example";
const TOKEN = JSON.stringify({ access_token: "sample-access-token", token_type: "bearer", expires_in: 3600 });

// Names the protocol in a member that stays, and a person in many that don't.
const document = (stream) =>
  JSON.stringify({
    users: Array.from({ length: 50 }, () => ({ dept: stream.session.alpnProtocol, email: PERSON, first_name: "Ingrid" })),
  });
const json = (more = {}) => ({ ":status": 200, "content-type": "application/json", ...more });

/** Sends the head and the first half of a body, then calls `then` with the rest. */
function half(stream, body, head, then) {
  stream.respond(head);
  const middle = Math.floor(body.length / 2);
  stream.write(body.slice(0, middle), () => setTimeout(() => then(body.slice(middle)), 50));
}

const gone = new Set();
const once = (name) => !gone.has(name) && gone.add(name);

const behaviours = {
  plain(stream) {
    stream.respond(json());
    stream.end(document(stream));
  },
  pieces(stream) {
    stream.respond(json());
    const body = document(stream);
    let at = 0;
    const next = () => {
      if (at >= body.length) return stream.end();
      stream.write(body.slice(at, at + 100));
      at += 100;
      setImmediate(next);
    };
    next();
  },
  trailers(stream) {
    stream.respond(json(), { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-owner": PERSON, "x-ratelimit-remaining": "7", link: `<https://x/?u=${PERSON}>; rel=next` }));
    stream.end(document(stream));
  },
  early(stream) {
    for (let i = 0; i < 20; i += 1) stream.additionalHeaders({ ":status": 103, link: `</${PERSON}>; rel=preload` });
    behaviours.plain(stream);
  },
  goaway(stream) {
    half(stream, document(stream), json(), (rest) => {
      stream.session.goaway(NGHTTP2_NO_ERROR, stream.id);
      setTimeout(() => stream.end(rest), 50);
    });
  },
  unprocessed(stream) {
    if (!once("unprocessed")) return behaviours.plain(stream);
    stream.session.goaway(NGHTTP2_NO_ERROR, 0);
    setTimeout(() => stream.session?.destroy(), 50);
  },
  calm(stream) {
    half(stream, document(stream), json(), () => {
      stream.session.goaway(NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from(PERSON));
      stream.session.destroy();
    });
  },
  reset(stream) {
    half(stream, document(stream), json(), () => stream.destroy(new Error("an internal error to the other side")));
  },
  cancel(stream) {
    half(stream, document(stream), json(), () => stream.close(NGHTTP2_CANCEL));
  },
  quiet(stream) {
    half(stream, document(stream), json(), () => stream.close(NGHTTP2_NO_ERROR));
  },
  // What arrived is whole JSON by itself; only the announced length tells that more should follow.
  lines(stream) {
    const line = `${document(stream)}\n`;
    half(stream, line + line, json({ "content-type": "application/x-ndjson", "content-length": 2 * line.length }), () =>
      stream.close(NGHTTP2_NO_ERROR));
  },
  short(stream) {
    stream.respond(json({ "content-length": 100000 }));
    stream.end(document(stream));
  },
  cut(stream) {
    half(stream, document(stream), json(), () => latest.destroy());
  },
  headers(stream) {
    const head = json();
    for (let i = 0; i < 400; i += 1) head[`x-filler-${i}`] = PERSON.repeat(30);
    stream.respond(head);
    stream.end(document(stream));
  },
};

const server = http2.createSecureServer({ key: chain, cert: chain, maxSendHeaderBlockLength: 16 << 20 });
// A session hides its socket.
let latest;
server.on("secureConnection", (socket) => (latest = socket));
server.on("sessionError", () => {});
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  if (headers[":method"] === "POST") {
    stream.respond(json());
    stream.resume();
    return stream.end(TOKEN);
  }
  const wanted = new URL(headers[":path"], "https://x").searchParams.get("next_page_token");
  return behaviours[wanted ?? "plain"](stream);
});
server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ origin: `https://127.0.0.1:${server.address().port}` }));
});
process.stdin.on("close", () => process.exit()).resume();
