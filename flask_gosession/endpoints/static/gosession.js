/** Knows a session's end, renews it once for all tabs, says why it ended. See gosession.d.ts. */

export function timesOf(token) {
  try {
    const { exp, iat } = JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
    return exp > iat ? { exp, iat } : null;
  } catch {
    return null;
  }
}

export function parseState(text) {
  const [, exp, end, iat] = /^(\d+)\.(\d+)\.(\d+)$/.exec(text) ?? [];
  return exp ? { exp: +exp, end: +end, iat: +iat } : null;
}

export function refreshTime(exp, iat, chance = Math.random()) {
  return iat + (exp - iat) * (0.5 + 0.4 * chance);
}

export function verdict(error, sent, held, cookie) {
  if (held && held.stamp !== sent?.stamp) return "retry";
  if (/^(session_(ended|expired|idle)|token_reused|banned|user_not_found)$/.test(error)) return "end";
  if (!/^token_(expired|rotated|missing)$/.test(error)) return "pass";
  if (error === "token_missing" && !(cookie && sent)) return "pass";
  return cookie || sent?.refresh ? "refresh" : "end";
}

// Memory where localStorage is blocked.
export function localStore(key) {
  let memory = null;
  const attempt = (use) => {
    try {
      return use() ?? null;
    } catch {}
  };
  return {
    get: () => memory ?? attempt(() => JSON.parse(localStorage.getItem(key))) ?? null,
    set: (pair) => (memory = attempt(() => localStorage.setItem(key, JSON.stringify(pair))) === null ? null : pair),
    clear: () => attempt(() => localStorage.removeItem(key), (memory = null)),
  };
}

const bodyOf = async (response) => (await response.clone().json().catch(() => null)) ?? {};

export class GoSession extends EventTarget {
  #o;
  #cookie;
  #base;
  #origins;
  #far;
  #skew = 0;
  #seen;
  #due = 0;
  #dead;
  #busy;
  #fails = 0;
  #failure;
  #timer;
  #channel;
  #watch;

  constructor(options = {}) {
    super();
    const { mode = "header", base = "/auth", origins = [] } = options;
    const here = globalThis.location?.href ?? base;
    this.#cookie = mode === "cookie";
    this.#base = new URL(base.replace(/\/*$/, "/"), here).href;
    this.#origins = [base, ...origins].map((url) => new URL(url, here).origin);
    this.#far = this.#cookie && this.#origins[0] !== new URL(here).origin;
    const name = "gosession:" + mode + this.#base;
    this.#o = {
      here,
      name,
      storage: localStore(name),
      clock: Date.now,
      fetch: (...args) => fetch(...args),
      locks: globalThis.navigator?.locks,
      Channel: globalThis.BroadcastChannel,
      wake: [globalThis.window, globalThis.document],
      cookies: () => document.cookie,
      cookieNames: { state: "gosession_state", csrf: "gosession_csrf" },
      timeout: 1e4,
      ...options,
    };
    this.#adopt(this.#read());
  }

  get signedIn() {
    return !!this.#read();
  }

  now() {
    return this.#o.clock() / 1000 + this.#skew;
  }

  secondsLeft(of = "exp") {
    return Math.max(0, (this.#read()?.[of] ?? 0) - this.now());
  }

  sessionSecondsLeft() {
    return this.secondsLeft("end");
  }

  isExpired(leeway = 0) {
    return this.now() >= (this.#read()?.exp ?? 0) + leeway;
  }

  signIn(pair) {
    this.#dead = null;
    if (pair) this.#keep(pair);
    else this.#learn(parseState(this.#jar("state"))?.iat);
    this.#look();
    this.#tell("signedin");
    this.#tick();
  }

  async signOut() {
    if (this.#cookie) await this.#busy;
    const held = this.#read();
    const end = () => this.#end(held?.stamp, { error: "session_ended", reason: "logged_out" });
    if (!this.#cookie) end();
    const response = await this.#post("logout", held?.access).catch(() => null);
    const done = /20.|401/.test(response?.status);
    if (done) end();
    return done;
  }

  async fetch(input, init) {
    const { here, fetch } = this.#o;
    const target = input instanceof Request ? input : new URL(input, here);
    if (!this.#origins.includes(new URL(target.url ?? target).origin)) return fetch(input, init);
    const request = new Request(target, this.#far ? { credentials: "include", ...init } : init);
    if (request.headers.has("Authorization")) return fetch(request);
    this.#look();
    const { stamp, refresh } = this.#seen ?? {};
    let renewed = stamp && (this.#cookie || refresh) && this.isExpired() ? await this.#renew(stamp) : null;
    for (let last = init?.body instanceof ReadableStream; ; last = true) {
      const sent = this.#read();
      const response = await fetch(this.#dress(last ? request : request.clone(), sent?.access));
      if (response.status !== 401) return response;
      const body = await bodyOf(response);
      const next = verdict(body.error, sent, this.#read(), this.#cookie);
      let again = next === "retry";
      if (next === "end") this.#end(sent?.stamp, body);
      if (next === "refresh") {
        again = renewed ??= await this.#renew(sent?.stamp);
        if (again instanceof Response) return again.clone();
        if (again instanceof Error) throw again;
      }
      if (last || !again) return response;
    }
  }

  async refresh() {
    this.#look();
    this.#failure = null;
    return (await this.#renew(this.#seen?.stamp)) === true;
  }

  async ask() {
    const body = await bodyOf(await this.fetch(this.#base + "session"));
    this.#learn(body.now);
    if (!body.exp || !this.#cookie || this.#jar("state")) return;
    this.#keep({ ...body, expires_in: body.exp - body.now });
    this.#look();
  }

  start() {
    this.stop();
    const { Channel, name } = this.#o;
    this.#channel = Channel ? new Channel(name) : {};
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#listen("addEventListener");
    if (this.#far && !this.#seen) this.ask().catch(() => {});
    if (this.#o.watch) this.#watch = import("./gosession-events.js").then((it) => it.watchSession(this, { url: this.#base + "events" }));
    this.#tick();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#listen("removeEventListener");
    this.#watch?.then((end) => end());
    this.#channel?.close?.();
    this.#channel = null;
  }

  #listen(how) {
    // A channel tells the reason too.
    const types = ["visibilitychange", "online", "pageshow", this.#o.Channel ? "resume" : "storage"];
    for (const target of this.#o.wake) for (const type of types) target?.[how](type, this.#tick);
  }

  #jar(which) {
    const start = this.#o.cookieNames[which] + "=";
    const found = this.#o.cookies().split("; ").find((cookie) => cookie.startsWith(start));
    return found?.slice(start.length);
  }

  // Read anew: other tabs write too.
  #read() {
    const state = this.#cookie && this.#jar("state");
    let seen = parseState(state);
    if (seen) seen.stamp = state + this.#jar("csrf");
    else seen = this.#o.storage.get();
    this.#skew = seen?.skew ?? this.#skew;
    // A clock that shows less is behind.
    if (seen?.iat > this.now() + 1) this.#learn(seen.iat);
    return seen && seen.stamp !== this.#dead ? seen : null;
  }

  #learn(seconds) {
    if (seconds) this.#skew = seconds - this.#o.clock() / 1000;
  }

  #keep({ access_token: access, refresh_token: refresh, expires_in, refresh_after, session_expires_at: end }) {
    const times = timesOf(access);
    this.#learn(times?.iat);
    const iat = this.now();
    const exp = iat + expires_in;
    const due = times ? null : iat + refresh_after;
    this.#o.storage.set({ stamp: access ?? exp, access, refresh, exp, iat, end, due, ...times, skew: this.#skew });
  }

  #adopt(seen) {
    this.#seen = seen;
    this.#failure = null;
    if (seen) this.#due = seen.due || refreshTime(seen.exp, seen.iat);
  }

  #look() {
    const old = this.#seen;
    const seen = this.#read();
    if (old?.stamp === seen?.stamp) return;
    if (!seen) return this.#end(old.stamp, { error: "session_ended", reason: "logged_out" });
    this.#adopt(seen);
    this.#emit(old?.end === seen.end ? "refreshed" : "signedin");
  }

  // Unless a newer one is held.
  #end(stamp, ending) {
    const held = this.#read();
    if (held && held.stamp !== stamp) return this.#look();
    const seen = this.#seen;
    if (!seen) return;
    this.#dead = stamp;
    this.#seen = null;
    this.#o.storage.clear();
    const detail = { message: null, at: null, client: null, ...ending, reason: ending.reason ?? ending.error };
    this.#tell("ended", seen.end, detail);
    this.#emit("ended", detail);
  }

  #emit(type, detail, cancelable) {
    return this.dispatchEvent(new CustomEvent(type, { detail, cancelable }));
  }

  #tell(type, end, detail) {
    this.#channel?.postMessage?.({ type, end, detail });
  }

  #hear({ type, end, detail }) {
    const held = this.#read() ?? this.#seen;
    if (type === "ended" && held?.end === end) this.#end(held.stamp, detail);
    this.#tick();
  }

  #dress(request, token) {
    const { headers, method } = request;
    if (token) headers.set("Authorization", "Bearer " + token);
    if (this.#cookie && !/^(GET|HEAD|OPTIONS)$/.test(method)) headers.set("X-GoSession-CSRF", this.#jar("csrf"));
    return request;
  }

  #post(path, token) {
    const { timeout, fetch } = this.#o;
    const credentials = this.#far ? "include" : "same-origin";
    const init = { method: "POST", credentials, signal: AbortSignal.timeout(timeout), keepalive: true };
    return fetch(this.#dress(new Request(this.#base + path, init), token));
  }

  // A boolean, or the response or error that left it open.
  async #renew(stamp) {
    if (this.#failure && this.now() < this.#due) return this.#failure;
    return (this.#busy ??= this.#locked(() => this.#rotate(stamp)).finally(() => (this.#busy = null)));
  }

  // Also without a lock: its holder may hang.
  async #locked(run) {
    let done;
    const once = () => (done ??= run());
    const { locks, name, timeout } = this.#o;
    await locks?.request(name, { signal: AbortSignal.timeout(timeout) }, once).catch(() => {});
    return once();
  }

  async #rotate(stamp) {
    const sent = this.#read();
    if (sent?.stamp === stamp && (this.#cookie || sent?.refresh)) {
      let response;
      try {
        response = await this.#post("refresh", sent?.refresh);
      } catch (error) {
        return this.#fail(error);
      }
      const body = await bodyOf(response);
      if (response.ok && body.expires_in) this.#renewed(stamp, body);
      else if (response.status !== 401 || !body.error) return this.#fail(response);
      else {
        // The newer one may be on its way to another tab.
        for (let i = body.error === "token_rotated" ? 20 : 0; i-- && this.#read()?.stamp === stamp; )
          await new Promise((done) => setTimeout(done, 100));
        this.#end(stamp, body);
      }
    } else this.#learn(sent?.iat);
    this.#look();
    return !!this.#seen;
  }

  #renewed(stamp, body) {
    this.#fails = 0;
    const state = parseState(this.#cookie && this.#jar("state"));
    if (state) this.#learn(state.iat);
    else if (this.#read()?.stamp === stamp) this.#keep(body);
    this.#look();
    this.#due = Math.max(this.#due, this.now() + 5); // no loop
    this.#tell("refreshed");
  }

  #fail(why) {
    const wait = Math.min(60, 2 ** this.#fails++) * (0.5 + Math.random() / 2);
    this.#due = this.now() + Math.max(wait, +why.headers?.get("Retry-After") || 0);
    return (this.#failure = why);
  }

  #tick = (event) => {
    if (event?.type === "online" && this.#failure) this.#due = 0;
    this.#look();
    if (!this.#channel) return;
    const seen = this.#seen;
    const now = this.now();
    if (seen && now >= this.#due && !this.#busy) {
      const detail = { secondsLeft: this.secondsLeft(), sessionSecondsLeft: this.sessionSecondsLeft() };
      const go = now >= seen.end || ((this.#failure || this.#emit("expiring", detail, true)) && (seen.due || seen.exp < seen.end));
      if (go && (this.#cookie || seen.refresh)) this.#renew(seen.stamp).then(() => this.#tick());
      else this.#due = go ? Infinity : seen.end;
    }
    // Timers sleep: look every minute.
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#tick, 1000 * Math.max(1, Math.min(60, this.#due - now) || 60));
  };
}
