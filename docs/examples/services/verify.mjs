// Verifies access tokens by the issuer's published keys; Node 18 or newer, nothing to install.
import { createPublicKey, verify } from "node:crypto";

const HASH = { RS256: "sha256", ES256: "sha256", EdDSA: null };

export class Refused extends Error {}
export class Unavailable extends Error {}

const refuse = (why) => {
  throw new Refused(why);
};

function parse(token) {
  const parts = String(token).split(".");
  if (parts.length !== 3 || token.length > 8192) refuse("token_malformed");
  const bytes = parts.map((part) => Buffer.from(part, "base64url"));
  // Only the one canonical spelling: Buffer.from skips what is not base64url.
  if (bytes.some((each, i) => each.toString("base64url") !== parts[i])) refuse("token_malformed");
  try {
    const [header, claims] = bytes.slice(0, 2).map((each) => JSON.parse(each.toString("utf8")));
    return { header, claims, signature: bytes[2], signed: Buffer.from(`${parts[0]}.${parts[1]}`) };
  } catch {
    return refuse("token_malformed");
  }
}

export function makeVerifier({ jwksUrl, issuer, audience, leeway = 10, lifetime = 600, now = () => Date.now() / 1000 }) {
  let keys = new Map();
  let [tried, fetched, busy] = [-Infinity, -Infinity, null];

  async function load() {
    const started = (tried = now());
    const answer = await fetch(jwksUrl, { redirect: "error", signal: AbortSignal.timeout(5000) });
    const usable = (await answer.json()).keys.filter((jwk) => Object.hasOwn(HASH, jwk.alg));
    keys = new Map(usable.map((jwk) => [jwk.kid, { alg: jwk.alg, key: createPublicKey({ key: jwk, format: "jwk" }) }]));
    fetched = started;
  }

  // At most one fetch in 30 s, whatever kids are invented; the keys that are known outlive an issuer that is down.
  async function keyOf(kid) {
    if ((!keys.has(kid) || now() - fetched > lifetime) && (busy || now() - tried >= 30)) {
      busy ??= load().catch(() => {}).finally(() => (busy = null));
      if (!keys.has(kid)) await busy;
    }
    if (keys.has(kid)) return keys.get(kid);
    if (tried === fetched) refuse("token_invalid");
    throw new Unavailable("keys_unavailable");
  }

  return async function verifyToken(token) {
    const { header, claims, signature, signed } = parse(token);
    if (header?.typ !== "at+jwt" || "crit" in header) refuse("token_invalid"); // a refresh token is rt+jwt
    const { alg, key } = await keyOf(header.kid);
    if (header.alg !== alg) refuse("token_invalid"); // the key says how it signs, never the token
    if (!verify(HASH[alg], signed, { key, dsaEncoding: "ieee-p1363" }, signature)) refuse("token_invalid");
    const { iss, aud, exp, iat } = claims;
    if (iss !== issuer || ![aud].flat().includes(audience)) refuse("token_invalid");
    if (![exp, iat].every(Number.isInteger) || iat > now() + leeway) refuse("token_invalid");
    if (now() >= exp + leeway) refuse("token_expired");
    return claims;
  };
}
