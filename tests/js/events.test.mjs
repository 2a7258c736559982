/** A page hears that its session has ended, by a stream or by asking. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { watchSession } from "../../flask_gosession/endpoints/static/gosession-events.js";
import { Clock, Server, tab } from "./helpers.mjs";

class Session {
  signedIn = true;
  asked = [];
  constructor(...answers) {
    this.answers = answers;
  }
  fetch = async (url, { headers, signal }) => {
    this.asked.push({ url, tag: headers["If-None-Match"], accept: headers.Accept });
    const answer = this.answers.shift() ?? (() => this.end());
    return answer(signal);
  };
  end() {
    this.signedIn = false;
    return new Response("{}", { status: 401 });
  }
}

const ended = async (session) => {
  for (let i = 0; i < 200 && session.signedIn; i++) await new Promise((done) => setTimeout(done, 5));
  assert.equal(session.signedIn, false);
};
const live = () => new Response('{"live":true}', { headers: { ETag: '"sid"', "Content-Type": "application/json" } });
const unchanged = () => new Response(null, { status: 304, headers: { ETag: '"sid"' } });
const stream = (...chunks) => () =>
  new Response(
    new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
        controller.close();
      },
    }),
    { headers: { "Content-Type": "text/event-stream; charset=utf-8" } },
  );

test("asks again and again with the tag it was given, until the session has ended", async () => {
  const session = new Session(live, unchanged, unchanged);
  const stop = watchSession(session, { pause: 1 });
  await ended(session);
  stop();
  assert.deepEqual(
    session.asked.map(({ tag }) => tag),
    [undefined, '"sid"', '"sid"', '"sid"'],
  );
  assert.ok(session.asked.every(({ url, accept }) => url === "/auth/events" && accept === "text/event-stream"));
});

test("the end of a stream is followed up at once", async () => {
  const session = new Session(stream(":\n\n", 'event: ended\ndata: {"reason":"kicked"}\n\n'));
  const stop = watchSession(session, { pause: 60_000 });
  await ended(session);
  stop();
  assert.deepEqual(
    session.asked.map(({ accept }) => accept),
    ["text/event-stream", "application/json"],
  );
});

test("a stream that has gone silent is given up, and followed up at once", async () => {
  const silent = () =>
    new Response(new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(":\n\n")) }), {
      headers: { "Content-Type": "text/event-stream" },
    });
  const session = new Session(silent);
  const stop = watchSession(session, { pause: 60_000, silence: 20 });
  await ended(session);
  stop();
  assert.deepEqual(
    session.asked.map(({ accept }) => accept),
    ["text/event-stream", "application/json"],
  );
});

test("a request without an answer is given up like a silent stream, and tried again", async () => {
  const hanging = (signal) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  const session = new Session(hanging, hanging, live);
  const stop = watchSession(session, { pause: 1, silence: 20 });
  await ended(session);
  stop();
  assert.equal(session.asked.length, 4);
});

test("a stop ends what is under way: a request, a stream or a pause", async () => {
  let given;
  const hanging = (signal) => new Promise(() => (given = signal));
  const open = (signal) => {
    given = signal;
    return new Response(new ReadableStream(), { headers: { "Content-Type": "text/event-stream" } });
  };
  for (const answer of [hanging, open]) {
    const stop = watchSession(new Session(answer), { silence: 100 });
    await new Promise((done) => setTimeout(done, 5));
    assert.equal(given.aborted, false);
    stop();
    assert.equal(given.aborted, true);
  }
  const session = new Session(live);
  const stop = watchSession(session, { pause: 20 });
  await new Promise((done) => setTimeout(done, 5));
  stop();
  await new Promise((done) => setTimeout(done, 40));
  assert.equal(session.asked.length, 1);
});

test("failures are retried ever more seldom, up to a minute, or when the server says", async (context) => {
  const { setTimeout: later } = globalThis;
  const waits = [];
  context.mock.method(Math, "random", () => 1);
  context.mock.method(globalThis, "setTimeout", (run, ms) => later(run, ms >= 800 ? (waits.push(ms), 0) : ms));
  const offline = () => Promise.reject(new TypeError("offline"));
  const busy = () => new Response("{}", { status: 503, headers: { "Retry-After": "90" } });
  const session = new Session(...Array(8).fill(offline), busy, live, unchanged, offline);
  const stop = watchSession(session, { silence: 799 });
  await ended(session);
  stop();
  const seconds = [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60, 90, 0.8, 0.8, 0.8];
  assert.deepEqual(waits.slice(0, 12), seconds.map((each) => 1000 * each));
});

test("a network that fails is no end", async () => {
  const session = new Session(() => Promise.reject(new TypeError("offline")), live);
  const stop = watchSession(session, { pause: 1 });
  await ended(session);
  stop();
  assert.equal(session.asked.length, 3);
});

test("nothing is sent while the page is hidden, or nobody is signed in, or after the stop", async () => {
  const page = { hidden: true };
  const session = new Session(live, live, live);
  const stop = watchSession(session, { pause: 1, page });
  await new Promise((done) => setTimeout(done, 20));
  assert.equal(session.asked.length, 0);
  page.hidden = false;
  session.signedIn = false;
  await new Promise((done) => setTimeout(done, 20));
  assert.equal(session.asked.length, 0);
  stop();
  session.signedIn = true;
  await new Promise((done) => setTimeout(done, 20));
  assert.equal(session.asked.length, 0);
});

test("a session that is to be watched hears of its end until it is stopped", async () => {
  const server = new Server(new Clock());
  const [session, other] = [tab(server, { watch: true }), tab(server)];
  for (const each of [session, other]) each.signIn(server.pair());
  server.ended = { reason: "kicked" };
  for (const each of [session, other]) each.start();
  await ended(session);
  assert.deepEqual(session.events, ["signedin", "ended kicked"]);
  assert.deepEqual(server.paths(), ["/auth/events"]);
  assert.equal(other.signedIn, true);
  for (const each of [session, other]) each.stop();
});

test("a session that is stopped before its watch has begun asks nothing", async () => {
  const server = new Server(new Clock());
  const session = tab(server, { watch: true });
  session.signIn(server.pair());
  session.start();
  session.stop();
  await new Promise((done) => setTimeout(done, 100));
  assert.ok(server.paths().length <= 1); // begun and ended at once
});
