// The same service as by_keys.py, in Node: node by_keys.mjs <port>
import { createServer } from "node:http";
import { makeVerifier, Refused } from "./verify.mjs";

const { JWKS_URL: jwksUrl, ISSUER: issuer, AUDIENCE: audience } = process.env;
const verifyToken = makeVerifier({ jwksUrl, issuer, audience });

async function me(request) {
  const [scheme, token] = (request.headers.authorization ?? "").split(" ");
  if (scheme.toLowerCase() !== "bearer" || !token) return [401, { error: "token_missing" }];
  try {
    const { sub, sid } = await verifyToken(token);
    return [200, { sub, sid }];
  } catch (error) {
    return [error instanceof Refused ? 401 : 503, { error: error.message }];
  }
}

createServer(async (request, response) => {
  const [status, body] = request.url === "/me" ? await me(request) : [404, { error: "not_found" }];
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}).listen(Number(process.argv[2]), "127.0.0.1");
