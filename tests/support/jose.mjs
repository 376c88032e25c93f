// Signs and verifies tokens with jose. Reads { jwk, claims: [...], tokens: [...] } as JSON from standard input. Writes
// { tokens: [...], claims: [...] }: a signed token for each of the claims, and the claims of each verified token.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const jose = await import(pathToFileURL(createRequire(`${process.argv[2]}/`).resolve("jose")));
const { jwk, claims, tokens } = JSON.parse(readFileSync(0, "utf8"));
const privateKey = await jose.importJWK(jwk, "RS256");
const publicKey = await jose.importJWK({ kty: jwk.kty, n: jwk.n, e: jwk.e }, "RS256");

const sign = (payload) =>
  new jose.SignJWT(payload).setProtectedHeader({ alg: "RS256", kid: jwk.kid }).sign(privateKey);
const verify = async (token) => {
  const { payload, protectedHeader } = await jose.jwtVerify(token, publicKey, { algorithms: ["RS256"] });
  if (protectedHeader.kid !== jwk.kid) throw new Error(`kid is ${protectedHeader.kid}`);
  return payload;
};
console.log(JSON.stringify({
  tokens: await Promise.all(claims.map(sign)),
  claims: await Promise.all(tokens.map(verify)),
}));
