/** The functions that decide, without a browser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { localStore, parseState, refreshTime, timesOf, verdict } from "../../flask_gosession/endpoints/static/gosession.js";
import { jwt } from "./helpers.mjs";

test("the end of a token is read without a key, also beside claims that are not ASCII", () => {
  assert.deepEqual(timesOf(jwt({ sub: "zoë>?>?", iat: 10, exp: 20 })), { exp: 20, iat: 10 });
});

test("what is no JWT, or says no end, has no times", () => {
  for (const text of ["", "v1.opaque", "a.b.c", jwt(null), jwt({}), jwt({ exp: 1 }), undefined, null]) assert.equal(timesOf(text), null);
});

test("the state cookie is three integers and nothing else", () => {
  assert.deepEqual(parseState("30.40.10"), { exp: 30, end: 40, iat: 10 });
  for (const text of ["", "1.2", "1.2.3.4", "a.2.3", "1.2.-3", undefined, null]) assert.equal(parseState(text), null);
});

test("a renewal is due at 50 to 90 % of the life, at random", () => {
  assert.equal(refreshTime(11_000, 1_000, 0), 6_000);
  assert.equal(refreshTime(11_000, 1_000, 1), 10_000);
  const drawn = Array.from({ length: 50 }, () => refreshTime(11_000, 1_000));
  assert.ok(new Set(drawn).size > 20 && Math.min(...drawn) >= 6_000 && Math.max(...drawn) < 10_000);
});

test("an answer to an older token never ends the session: it is asked again with the newer one", () => {
  for (const error of ["session_ended", "token_expired", "banned", "other"])
    assert.equal(verdict(error, { stamp: "old" }, { stamp: "new" }, false), "retry");
});

test("each error has one consequence", () => {
  const held = { stamp: "a", refresh: "r" };
  for (const error of ["token_expired", "token_rotated"]) assert.equal(verdict(error, held, held, false), "refresh");
  for (const error of ["session_ended", "session_expired", "session_idle", "token_reused", "banned", "user_not_found"])
    assert.equal(verdict(error, held, held, true), "end");
  for (const error of ["fresh_login_required", "binding_mismatch", "token_invalid", "token_missing", undefined])
    assert.equal(verdict(error, held, held, false), "pass");
});

test("an expired token without a refresh token ends the session", () => {
  assert.equal(verdict("token_expired", { stamp: "a" }, { stamp: "a" }, false), "end");
});

test("in cookie mode a missing access cookie is renewed only where a session is known", () => {
  assert.equal(verdict("token_missing", { stamp: "a" }, { stamp: "a" }, true), "refresh");
  assert.equal(verdict("token_missing", null, null, true), "pass");
});

test("without localStorage, or with a full one, tokens stay in memory", () => {
  for (const area of [undefined, { getItem: () => null, removeItem() {}, setItem() { throw new Error("full"); } }]) {
    Object.defineProperty(globalThis, "localStorage", { value: area, configurable: true });
    const store = localStore("k");
    store.set({ a: 1 });
    assert.deepEqual(store.get(), { a: 1 });
    store.clear();
    assert.equal(store.get(), null);
  }
  delete globalThis.localStorage;
});

test("with localStorage two tabs read the same tokens, and junk in it reads as none", () => {
  const map = new Map();
  const value = { getItem: (k) => map.get(k) ?? null, setItem: (k, v) => map.set(k, v), removeItem: (k) => map.delete(k) };
  Object.defineProperty(globalThis, "localStorage", { value, configurable: true });
  localStore("k").set({ a: 1 });
  assert.deepEqual(localStore("k").get(), { a: 1 });
  map.set("k", "{junk");
  assert.equal(localStore("k").get(), null);
  delete globalThis.localStorage;
});
