// Lists keys with Cloudflare's TypeScript SDK, and prints the median time per call in microseconds.
//
// usage: typescript_sdk.mjs BASE_URL API_TOKEN ACCOUNT_ID

import { createRequire } from "node:module";

const Cloudflare = createRequire(new URL("../target/node/", import.meta.url))("cloudflare");
const [baseURL, apiToken, account_id] = process.argv.slice(2);
const client = new Cloudflare({ apiToken, baseURL });
const times = [];
for (let call = 0; call < 500; call++) {
  const start = performance.now();
  const keys = [];
  for await (const key of client.stream.keys.get({ account_id })) keys.push(key);
  times.push(performance.now() - start);
  if (keys.length !== 2) throw new Error("expected 2 keys");
}
times.sort((a, b) => a - b);
console.log(times[times.length / 2] * 1000);
