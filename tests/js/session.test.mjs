/** What a page sees: requests, renewals, endings, other tabs, sleep. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { BASE, Channel, Clock, denied, Locks, MemoryStorage, Server, settled, tab } from "./helpers.mjs";

const PAGE = "https://app.test/page";
let clock, server, open, alive;

beforeEach(() => {
  clock = new Clock();
  server = new Server(clock);
  open = [];
  alive = setInterval(() => {}, 1000); // AbortSignal.timeout does not keep node running
});
afterEach(() => {
  for (const session of open) session.stop();
  clearInterval(alive);
  mock.timers.reset();
  Channel.all.clear();
});

const make = (options) => {
  const session = tab(server, options);
  open.push(session);
  return session;
};
const signedIn = (options) => {
  const session = make(options);
  session.signIn(server.pair());
  session.events.length = 0;
  return session;
};
/** A browser whose timers run only when the test says so. */
const started = (options) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const wake = new EventTarget();
  const session = signedIn({ wake: [wake], ...options });
  session.start();
  return { session, wake };
};

test("a request carries the token, and the seconds left follow the clock", async () => {
  const session = signedIn();
  assert.equal((await session.fetch(PAGE)).status, 200);
  assert.equal(server.seen[0].headers.get("Authorization"), `Bearer ${server.access}`);
  clock.seconds += 100;
  assert.equal(session.secondsLeft(), 800);
  assert.equal(session.sessionSecondsLeft(), 86300);
  clock.seconds += 810;
  assert.equal(session.secondsLeft(), 0);
  assert.deepEqual([session.isExpired(), session.isExpired(20)], [true, false]);
});

test("a page that starts with tokens in its storage is signed in without asking", () => {
  const storage = new MemoryStorage();
  signedIn({ storage });
  const session = make({ storage });
  assert.equal(session.signedIn, true);
  assert.equal(session.secondsLeft(), 900);
  assert.deepEqual(server.seen, []);
});

test("the token goes to no other origin, in neither mode", async () => {
  for (const mode of ["header", "cookie"]) {
    const session = signedIn({ mode });
    for (const url of ["https://evil.test/", "https://app.test.evil.test/", "http://app.test/", "https://app.test:444/", "//evil.test/"])
      await session.fetch(new URL(url, PAGE).href, { method: "POST" });
    await session.fetch(new Request("https://evil.test/", { method: "POST" }));
  }
  assert.equal(server.seen.length, 12);
  for (const { headers } of server.seen) {
    assert.equal(headers.get("Authorization"), null);
    assert.equal(headers.get("X-GoSession-CSRF"), null);
  }
});

test("a further origin gets the token when it is named", async () => {
  await signedIn({ origins: ["https://api.test"] }).fetch("https://api.test/x");
  assert.equal(server.seen[0].headers.get("Authorization"), `Bearer ${server.access}`);
});

test("a request with an Authorization of its own is left alone", async () => {
  const session = signedIn();
  const response = await session.fetch(PAGE, { headers: { Authorization: "Basic abc" } });
  assert.equal(server.seen[0].headers.get("Authorization"), "Basic abc");
  assert.equal(response.status, 401);
  assert.equal(server.refreshes, 0);
});

test("parallel requests with an expired token make one renewal", async () => {
  const session = signedIn();
  clock.seconds += 1000;
  const answers = await Promise.all(Array.from({ length: 20 }, () => session.fetch(PAGE)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(server.refreshes, 1);
  assert.deepEqual(session.events, ["refreshed"]);
});

test("a token that the server finds expired is renewed once and the request retried once, with its body", async () => {
  const session = signedIn();
  server.exp = clock.seconds - 1;
  assert.equal((await session.fetch(new Request(PAGE, { method: "POST", body: "hello" }))).status, 200);
  assert.deepEqual(server.seen.map(({ text }) => text), ["hello", "", "hello"]);
});

test("a server that always says token_expired is asked twice, not for ever", async () => {
  const session = signedIn();
  server.onPage = () => denied("token_expired");
  assert.equal((await session.fetch(PAGE)).status, 401);
  assert.deepEqual(server.paths(), ["/page", "/auth/refresh", "/page"]);
});

test("a body that is a stream is sent once, and the token is renewed for the next request", async () => {
  const session = signedIn();
  server.exp = clock.seconds - 1;
  const body = new Blob(["streamed"]).stream();
  assert.equal((await session.fetch(PAGE, { method: "POST", body, duplex: "half" })).status, 401);
  assert.deepEqual(server.paths(), ["/page", "/auth/refresh"]);
  assert.equal((await session.fetch(PAGE)).status, 200);
});

test("token_rotated: the newer token is read from the storage and the request retried without a renewal", async () => {
  const storage = new MemoryStorage();
  const session = signedIn({ storage });
  server.delay = async () => {
    server.delay = null;
    make({ storage }).signIn(server.login());
  };
  assert.equal((await session.fetch(PAGE)).status, 200);
  assert.deepEqual(server.paths(), ["/page", "/page"]);
});

test("token_rotated with no newer token anywhere ends the session in the end, once", async () => {
  const session = signedIn();
  server.onRefresh = () => denied("token_rotated");
  assert.equal(await session.refresh(), false);
  assert.deepEqual(session.events, ["ended token_rotated"]);
});

test("token_rotated on a renewal waits for the tab that has the newer token", async () => {
  const storage = new MemoryStorage();
  const session = signedIn({ storage });
  server.delay = async () => {
    server.delay = null;
    const pair = server.login();
    setTimeout(() => make({ storage }).signIn(pair), 150);
  };
  assert.equal(await session.refresh(), true);
  assert.deepEqual(session.events, ["refreshed"]);
  assert.equal(server.refreshes, 1);
});

test("two tabs with one storage and locks renew once", async () => {
  const shared = { storage: new MemoryStorage(), locks: new Locks() };
  const one = signedIn(shared);
  const two = make(shared);
  clock.seconds += 1000;
  const answers = await Promise.all([one.fetch(PAGE), two.fetch(PAGE), one.fetch(PAGE)]);
  assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
  assert.equal(server.refreshes, 1);
});

test("without locks a tab that lost the race takes the winner's token and nobody is signed out", async () => {
  const storage = new MemoryStorage();
  const one = signedIn({ storage });
  const two = make({ storage });
  clock.seconds += 1000;
  const answers = await Promise.all([one.fetch(PAGE), two.fetch(PAGE)]);
  assert.deepEqual(answers.map(({ status }) => status), [200, 200]);
  assert.deepEqual([...one.events, ...two.events], ["refreshed", "refreshed"]);
});

test("a lock that is never granted is not waited for beyond the timeout", async () => {
  const locks = new Locks();
  locks.queue = new Promise(() => {});
  const session = signedIn({ locks, timeout: 30 });
  assert.equal(await session.refresh(), true);
  assert.equal(locks.held, 0);
});

test("locks that fail at once do not stop a renewal", async () => {
  const locks = { request: async () => { throw new DOMException("no", "SecurityError"); } };
  assert.equal(await signedIn({ locks }).refresh(), true);
});

test("503 on a renewal keeps the tokens, is answered instead of the 401, and is not repeated at once", async () => {
  const session = signedIn();
  clock.seconds += 1000;
  server.down = true;
  for (let i = 0; i < 3; i += 1) assert.equal((await session.fetch(PAGE)).status, 503);
  assert.equal(server.refreshes, 1);
  assert.equal(session.signedIn, true);
  assert.deepEqual(session.events, []);
  server.down = null;
  clock.seconds += 2;
  assert.equal((await session.fetch(PAGE)).status, 200);
});

test("a network error on a renewal keeps the tokens and reaches the caller", async () => {
  const session = signedIn();
  clock.seconds += 1000;
  server.down = "network";
  await assert.rejects(session.fetch(PAGE), TypeError);
  assert.equal(await session.refresh(), false);
  assert.equal(session.signedIn, true);
  assert.deepEqual(session.events, []);
});

test("a 401 that is not the server's own, such as a proxy's, signs nobody out", async () => {
  const session = signedIn();
  server.onRefresh = () => new Response("<h1>Proxy login</h1>", { status: 401 });
  assert.equal(await session.refresh(), false);
  server.onRefresh = () => new Response("<h1>Captive portal</h1>");
  assert.equal(await session.refresh(), false);
  assert.equal(session.signedIn, true);
  assert.deepEqual(session.events, []);
});

test("the end is reported once, with the server's reason, whatever runs in parallel", async () => {
  const session = signedIn();
  let detail;
  session.addEventListener("ended", (event) => (detail = event.detail));
  server.ended = { reason: "evicted", message: "You signed in elsewhere.", at: 5, client: "ios" };
  await Promise.all([session.fetch(PAGE), session.fetch(PAGE), session.refresh()]);
  assert.deepEqual(session.events, ["ended evicted"]);
  assert.deepEqual(detail, { error: "session_ended", reason: "evicted", message: "You signed in elsewhere.", at: 5, client: "ios" });
  assert.equal(session.signedIn, false);
  assert.equal((await session.fetch(PAGE)).status, 401);
  assert.equal(server.seen.at(-1).headers.get("Authorization"), null);
});

test("a late 401 of an old token does not end the session of a new sign-in", async () => {
  const session = signedIn();
  server.delay = async () => {
    server.delay = null;
    session.signIn(server.login());
  };
  const page = server.onPage;
  server.onPage = (request) => {
    server.onPage = page;
    return denied("session_ended", { reason: "evicted" });
  };
  assert.equal((await session.fetch(PAGE)).status, 200);
  assert.equal(session.signedIn, true);
  assert.ok(!session.events.some((event) => event.startsWith("ended")));
});

test("a renewal that comes back after the sign-out does not sign in again", async () => {
  const session = signedIn();
  let release;
  server.delay = (path) => path === "/auth/refresh" && new Promise((done) => (release = done));
  const renewal = session.refresh();
  await settled();
  const leaving = session.signOut();
  release();
  await Promise.all([renewal, leaving]);
  assert.equal(session.signedIn, false);
  assert.deepEqual(session.events, ["ended logged_out"]);
});

test("sign-out forgets the tokens and tells the server, and says when the server did not confirm", async () => {
  const session = signedIn();
  server.down = true;
  assert.equal(await session.signOut(), false);
  assert.equal(session.signedIn, false);
  assert.equal(server.seen[0].path, "/auth/logout");
  server.down = null;
  session.signIn(server.pair());
  assert.equal(await session.signOut(), true);
});

test("the clock skew is learned from the fresh token, so a wrong clock expires nothing", async () => {
  server = new Server(clock, { skew: -7200 });
  const session = signedIn();
  assert.equal(session.secondsLeft(), 900);
  assert.equal(session.isExpired(), false);
  await session.fetch(PAGE);
  assert.equal(server.refreshes, 0);
});

test("an opaque token ends by the answer's expires_in", () => {
  const session = make();
  session.signIn({ access_token: "v1.opaque", expires_in: 60, session_expires_at: clock.seconds + 100 });
  assert.equal(session.secondsLeft(), 60);
});

test("cookie mode: times from the state cookie, CSRF on unsafe methods only, no token in sight", async () => {
  server.cookieMode = true;
  const session = make({ mode: "cookie" });
  assert.equal(session.secondsLeft(), 900);
  await session.fetch(PAGE);
  await session.fetch(PAGE, { method: "POST", body: "x" });
  assert.deepEqual(server.seen.map(({ headers }) => headers.get("X-GoSession-CSRF")), [null, "csrf-value"]);
  clock.seconds += 1000;
  assert.equal((await session.fetch(PAGE)).status, 200);
  assert.equal(server.refreshes, 1);
  assert.equal(server.seen[2].headers.get("X-GoSession-CSRF"), "csrf-value");
  assert.equal(session.secondsLeft(), 900);
  assert.ok(server.seen.every(({ headers }) => !headers.has("Authorization")));
});

test("cookie mode: other cookie names, and a clock that is wrong by an hour either way", async () => {
  for (const skew of [3600, -3600]) {
    server = new Server(clock, { skew });
    server.cookieMode = true;
    const jar = () => server.jar().replaceAll("gosession_", "__Host-gs_");
    const session = make({ mode: "cookie", cookies: jar, cookieNames: { state: "__Host-gs_state", csrf: "__Host-gs_csrf" } });
    session.signIn();
    assert.equal(Math.round(session.secondsLeft()), 900);
    await session.fetch(PAGE, { method: "DELETE" });
    assert.equal(server.refreshes, 0);
    assert.equal(server.seen.at(-1).headers.get("X-GoSession-CSRF"), "csrf-value");
  }
});

test("cookie mode: two tabs under a clock that is ahead renew once, and both learn how far", async () => {
  server.cookieMode = true;
  clock.seconds += 855; // on the server five seconds have passed
  server.skew = -850;
  const locks = new Locks();
  const tabs = [make({ mode: "cookie", locks }), make({ mode: "cookie", locks })];
  assert.deepEqual(await Promise.all(tabs.map((one) => one.refresh())), [true, true]);
  assert.equal(server.refreshes, 1);
  assert.deepEqual(tabs.map((one) => one.secondsLeft()), [900, 900]);
});

test("cookie mode: sign-out sends the CSRF value; 503 keeps the session and can be repeated", async () => {
  server.cookieMode = true;
  const session = make({ mode: "cookie" });
  server.down = true;
  assert.equal(await session.signOut(), false);
  assert.equal(session.signedIn, true);
  server.down = null;
  assert.equal(await session.signOut(), true);
  assert.equal(server.seen[1].headers.get("X-GoSession-CSRF"), "csrf-value");
  assert.deepEqual(session.events, ["ended logged_out"]);
});

test("cookie mode: a state cookie left behind by an ended session does not bring it back", async () => {
  server.cookieMode = true;
  const session = make({ mode: "cookie" });
  server.ended = { reason: "kicked" };
  await session.fetch(PAGE);
  await session.fetch(PAGE);
  assert.equal(session.signedIn, false);
  assert.deepEqual(session.events, ["ended kicked"]);
});

test("cookie mode with cookies of another origin asks the server for the end, and sends credentials", async () => {
  server.cookieMode = true;
  const session = make({ mode: "cookie", cookies: () => "", here: "https://www.test/" });
  await session.ask();
  assert.equal(session.secondsLeft(), 900);
  clock.seconds += 1000;
  await session.fetch(PAGE);
  assert.deepEqual(server.paths(), ["/auth/session", "/auth/refresh", "/page"]);
  assert.equal(session.secondsLeft(), 900);
});

test("cookie mode: asking though the cookie can be read leaves nothing behind that outlives a sign-out", async () => {
  server.cookieMode = true;
  const session = make({ mode: "cookie" });
  clock.seconds += 10;
  await session.ask();
  assert.equal(await session.signOut(), true);
  assert.equal(session.signedIn, false);
  assert.deepEqual(session.events, ["ended logged_out"]);
});

test("a started page renews ahead of the end by itself, and says so before", async () => {
  const { session } = started();
  clock.seconds += 440;
  mock.timers.tick(60_000);
  await settled();
  assert.equal(server.refreshes, 0);
  clock.seconds += 380;
  mock.timers.tick(60_000);
  await settled();
  assert.equal(server.refreshes, 1);
  assert.deepEqual(session.events, ["expiring", "refreshed"]);
});

test("an opaque token, which does not say when it ends, is renewed when the answer said", async () => {
  const { session } = started();
  const pair = { access_token: "v2.a", refresh_token: server.renewal, expires_in: 90_000, refresh_after: 500 };
  session.signIn({ ...pair, session_expires_at: clock.seconds + 90_000 });
  for (const [seconds, refreshes] of [[490, 0], [20, 1]]) {
    clock.seconds += seconds;
    mock.timers.tick(60_000);
    await settled();
    assert.equal(server.refreshes, refreshes);
  }
});

test("a page that slept renews once when it wakes, though no timer ran", async () => {
  const { session, wake } = started();
  clock.seconds += 20_000;
  for (const type of ["visibilitychange", "pageshow", "online"]) wake.dispatchEvent(new Event(type));
  await settled();
  assert.equal(server.refreshes, 1);
  assert.equal(session.secondsLeft(), 900);
});

test("preventDefault on expiring leaves the renewal to the next request", async () => {
  const { session } = started();
  session.addEventListener("expiring", (event) => event.preventDefault());
  for (let i = 0; i < 20; i += 1) {
    clock.seconds += 60;
    mock.timers.tick(60_000);
    await settled();
  }
  assert.equal(server.refreshes, 0);
  assert.deepEqual(session.events, ["expiring"]);
  assert.equal((await session.fetch(PAGE)).status, 200);
  assert.equal(server.refreshes, 1);
});

test("a renewal that failed is tried again later and later, at once when the network is back", async () => {
  const { session, wake } = started();
  server.down = "network";
  clock.seconds += 870;
  for (let i = 0; i < 120; i += 1) {
    clock.seconds += 1;
    mock.timers.tick(1000);
    await settled();
  }
  assert.ok(server.refreshes >= 5 && server.refreshes <= 10, String(server.refreshes));
  assert.deepEqual(session.events, ["expiring"]);
  const before = server.refreshes;
  server.down = null;
  wake.dispatchEvent(new Event("online"));
  await settled();
  assert.equal(server.refreshes, before + 1);
  assert.deepEqual(session.events, ["expiring", "refreshed"]);
});

test("near the absolute end nothing is renewed in vain, and after it the server is asked and the end reported", async () => {
  server = new Server(clock, { session: 900 });
  const { session } = started();
  clock.seconds += 880;
  mock.timers.tick(60_000);
  await settled();
  assert.equal(server.refreshes, 0);
  assert.deepEqual(session.events, ["expiring"]);
  clock.seconds += 30;
  mock.timers.tick(60_000);
  await settled();
  assert.deepEqual(session.events.filter((event) => event !== "expiring"), ["ended token_expired"]);
});

test("sign-in, renewal and the end with its reason reach the other tabs by the channel", async () => {
  const shared = { storage: new MemoryStorage(), Channel };
  mock.timers.enable({ apis: ["setTimeout"] });
  const one = make(shared);
  const two = make(shared);
  one.start();
  two.start();
  one.signIn(server.pair());
  await settled();
  await one.refresh();
  await settled();
  server.ended = { reason: "password_changed" };
  await one.fetch(PAGE);
  await settled();
  assert.deepEqual(two.events, ["signedin", "refreshed", "ended password_changed"]);
  assert.deepEqual(one.events, two.events);
});

test("without a channel the other tabs see sign-in and sign-out by the storage, at the latest with the next look", async () => {
  const storage = new MemoryStorage();
  const { session: one } = started({ storage });
  const wake = new EventTarget();
  const two = make({ storage, wake: [wake] });
  two.start();
  await one.signOut();
  wake.dispatchEvent(new Event("storage"));
  assert.deepEqual(two.events, ["ended logged_out"]);
  server.ended = null;
  one.signIn(server.login());
  mock.timers.tick(60_000);
  assert.deepEqual(two.events, ["ended logged_out", "signedin"]);
});

test("no token stands in a message to other tabs", async () => {
  const messages = [];
  class Spy extends Channel {
    postMessage(data) {
      messages.push(JSON.stringify(data));
    }
  }
  const session = make({ Channel: Spy });
  session.start();
  session.signIn(server.pair());
  await session.refresh();
  await session.signOut();
  assert.ok(messages.length >= 3);
  for (const message of messages) assert.doesNotMatch(message, /refresh-|ey[A-Za-z0-9]/);
});

test("a trailing slash at the base changes nothing", async () => {
  const session = signedIn({ base: `${BASE}/` });
  await session.refresh();
  assert.deepEqual(server.paths(), ["/auth/refresh"]);
});
