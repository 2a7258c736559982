/** A little server, storage, locks and clock: everything that a GoSession takes from its browser. */
import { GoSession } from "../../flask_gosession/endpoints/static/gosession.js";

export const BASE = "https://app.test/auth";
export const START = 1_700_000_000;

export class Clock {
  seconds = START;
  read = () => this.seconds * 1000;
}

export class MemoryStorage {
  value = null;
  get = () => this.value && JSON.parse(this.value);
  set = (value) => (this.value = JSON.stringify(value));
  clear = () => (this.value = null);
}

/** Web Locks as the specification has them: a queue by name, an abort signal for the wait. */
export class Locks {
  queue = Promise.resolve();
  held = 0;
  async request(name, { signal }, run) {
    const before = this.queue;
    let release;
    this.queue = new Promise((done) => (release = done));
    const aborted = new Promise((_, fail) => signal.addEventListener("abort", () => fail(signal.reason)));
    try {
      await Promise.race([before, aborted]);
      this.held += 1;
      return await run();
    } finally {
      before.then(release);
    }
  }
}

export class Channel {
  static all = new Set();
  constructor(name) {
    this.name = name;
    Channel.all.add(this);
  }
  postMessage(data) {
    for (const other of Channel.all) {
      if (other !== this && other.name === this.name) queueMicrotask(() => other.onmessage?.({ data: structuredClone(data) }));
    }
  }
  close() {
    Channel.all.delete(this);
  }
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
export const jwt = (claims) => `${part({ alg: "none" })}.${part(claims)}.c2ln`;

const json = (status, body, headers = {}) =>
  new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
export const denied = (error, more = {}) => json(401, { error, message: "no", reason: null, ...more });

/** The contract of the session endpoints, with one session. */
export class Server {
  constructor(clock, { life = 900, session = 86400, skew = 0 } = {}) {
    Object.assign(this, { clock, life, skew, gen: 0 });
    this.end = this.now() + session;
    this.ended = null;
    this.down = null;
    this.seen = [];
    this.refreshes = 0;
    this.cookies = new Map();
    this.login();
  }
  now = () => Math.floor(this.clock.seconds + this.skew);
  login() {
    this.gen += 1;
    const iat = this.now();
    this.exp = Math.min(iat + this.life, this.end);
    this.access = jwt({ sub: "zoë", gen: this.gen, iat, exp: this.exp });
    this.renewal = `refresh-${this.gen}`;
    this.cookies.set("gosession_state", `${this.exp}.${this.end}.${iat}`).set("gosession_csrf", "csrf-value");
    return this.pair();
  }
  pair() {
    return { access_token: this.access, refresh_token: this.renewal, token_type: "Bearer", expires_in: this.life,
      refresh_after: 1, session_expires_at: this.end, refresh_expires_in: 1000 };
  }
  jar = () => [...this.cookies].map((pair) => pair.join("=")).join("; ");
  fetch = async (input, init) => {
    const request = new Request(input, init);
    const text = await request.text();
    const path = new URL(request.url).pathname;
    this.seen.push({ url: request.url, path, headers: request.headers, text, method: request.method, credentials: request.credentials });
    await this.delay?.(path);
    if (path === "/auth/refresh") return this.onRefresh(request);
    if (path === "/auth/logout") return this.onLogout();
    if (path === "/auth/session") return this.cookieState() ?? json(200, { exp: this.exp, session_expires_at: this.end, now: this.now() });
    return this.onPage(request);
  };
  cookieState() {
    if (this.ended) return denied("session_ended", this.ended);
    return this.now() >= this.exp ? denied("token_expired") : null;
  }
  onPage(request) {
    const token = request.headers.get("Authorization")?.slice(7);
    if (this.cookieMode) return this.cookieState() ?? json(200, { ok: true });
    if (!token) return denied("token_missing");
    if (this.ended) return denied("session_ended", this.ended);
    if (token !== this.access) return denied("token_rotated");
    return this.now() >= this.exp ? denied("token_expired") : json(200, { ok: true });
  }
  onRefresh(request) {
    this.refreshes += 1;
    if (this.down === "network") throw new TypeError("fetch failed");
    if (this.down) return json(503, { error: "store_unavailable" }, { "Retry-After": "1" });
    if (this.ended) return denied("session_ended", this.ended);
    if (this.now() >= this.end) return denied("token_expired");
    if (!this.cookieMode && request.headers.get("Authorization") !== `Bearer ${this.renewal}`) return denied("token_rotated");
    const pair = this.login();
    return json(200, this.cookieMode ? { expires_in: this.life, refresh_after: 1, session_expires_at: this.end } : pair);
  }
  onLogout() {
    if (this.down) return json(503, { error: "store_unavailable" }, { "Retry-After": "1" });
    this.ended ??= { reason: "logged_out" };
    this.cookies.clear();
    return json(204);
  }
  paths = () => this.seen.map(({ path }) => path);
}

/** A session with everything injected; `events` collects what the page hears. */
export function tab(server, options = {}) {
  const session = new GoSession({ base: BASE, fetch: server.fetch, clock: server.clock.read, storage: new MemoryStorage(),
    cookies: server.jar, locks: null, Channel: null, wake: [], ...options });
  session.events = [];
  for (const type of ["signedin", "refreshed", "expiring", "ended"])
    session.addEventListener(type, (event) => session.events.push(event.detail?.reason ? `${type} ${event.detail.reason}` : type));
  return session;
}

/** Let every promise that can go on go on. */
export const settled = async () => {
  for (let i = 0; i < 5; i += 1) await new Promise((done) => setImmediate(done));
};
