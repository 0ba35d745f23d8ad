import { assertEquals, assertThrows } from "@std/assert";
import { CodedError } from "../../../lib/errors.ts";
import type { JsonObject } from "../../../lib/json.ts";
import { Login } from "../../../lib/server/login.ts";
import { importSecret, makeNonce, prove, verify } from "../../../lib/wire/auth.ts";
import { LIMITS } from "../../../lib/wire/limits.ts";
import { OTHER_SECRET, SECRET } from "../../harness/secrets.ts";

const IDENTITY = {
  role: "echo",
  name: "echo-1",
  version: "1.0.0",
  secret: importSecret(SECRET),
};
const LIMITS_IN_FORCE = { ...LIMITS, in_flight: 5 };

function codeOf(work: () => unknown): string {
  return assertThrows(work, CodedError).code;
}

/** A login after `hello`, and the body of `auth` for a secret. */
function greeted(): { login: Login; welcome: JsonObject; auth: (secret: string) => JsonObject } {
  const login = new Login(IDENTITY, LIMITS_IN_FORCE);
  const clientNonce = makeNonce();
  const welcome = login.hello({ nonce: clientNonce });
  const challenge = { role: "echo", clientNonce, serverNonce: welcome.nonce as string };
  assertEquals(verify(IDENTITY.secret, welcome.proof as string, "server", challenge), true);
  const auth = (secret: string) => ({ mac: prove(importSecret(secret), "client", challenge) });
  return { login, welcome, auth };
}

Deno.test("Login.hello() returns who the server is, its proof and the limits in force", () => {
  const { nonce: _nonce, proof: _proof, ...rest } = greeted().welcome;
  assertEquals(rest, {
    role: "echo",
    name: "echo-1",
    version: "1.0.0",
    protocols: [1],
    limits: LIMITS_IN_FORCE,
  });
});

Deno.test("Login.hello() refuses a nonce that is none, and a second hello", () => {
  const login = new Login(IDENTITY, LIMITS);
  assertEquals(codeOf(() => login.hello({ nonce: "short" })), "invalid_input");
  login.hello({ nonce: makeNonce() });
  assertEquals(codeOf(() => login.hello({ nonce: makeNonce() })), "bad_request");
});

Deno.test("Login.auth() accepts the right proof once", () => {
  const { login, auth } = greeted();
  assertEquals(login.authenticated, false);
  assertEquals(login.auth(auth(SECRET)), {});
  assertEquals(login.authenticated, true);
  assertEquals(codeOf(() => login.auth(auth(SECRET))), "bad_request");
  assertEquals(login.authenticated, true);
});

Deno.test("Login.auth() refuses a wrong proof, none, and one before hello alike", () => {
  const { login, auth } = greeted();
  for (const body of [auth(OTHER_SECRET), {}, { mac: 7 }]) {
    assertEquals(codeOf(() => login.auth(body)), "auth_failed");
  }
  const silent = new Login(IDENTITY, LIMITS);
  assertEquals(codeOf(() => silent.auth(auth(SECRET))), "auth_failed");
  assertEquals([login.authenticated, silent.authenticated], [false, false]);
});
