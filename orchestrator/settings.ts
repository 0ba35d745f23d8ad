/**
 * The settings of `orchestrator serve`: each has a flag, an environment variable and a default.
 *
 * @module
 */
import {
  addresses,
  integer,
  type Settings,
  text,
  type ValueSetting,
} from "../lib/process/settings.ts";
import type { Address } from "../lib/address.ts";
import { LIMITS_SETTING } from "../lib/process/limits_setting.ts";
import { PORTS, type Role } from "../lib/roles.ts";
import { TLS_CONNECTS, TLS_LISTENS } from "../lib/process/tls_settings.ts";

/** Where the orchestrator listens, and so where its clients connect to. */
export const PLACE = {
  host: {
    env: "BATON_HOST",
    value: "ADDRESS",
    fallback: "127.0.0.1",
    help: "Address of the orchestrator",
    read: text,
  },
  port: {
    env: "BATON_PORT",
    value: "N",
    fallback: PORTS.orchestrator,
    help: "Port of the orchestrator",
    read: integer(0, 65535),
  },
} satisfies Settings;

/** All settings of `serve`. */
export const SERVE = {
  ...PLACE,
  ...LIMITS_SETTING,
  ...TLS_LISTENS,
  ...TLS_CONNECTS,
  name: {
    env: "BATON_NAME",
    value: "NAME",
    fallback: "orchestrator-1",
    help: "Name of this process in its replies and log",
    read: text,
  },
  collector: agent("collector"),
  analyzer: agent("analyzer"),
  reporter: agent("reporter"),
  concurrency: {
    env: "BATON_CONCURRENCY",
    value: "N",
    fallback: 16,
    help: "Tasks that run at once",
    read: integer(1, 1_000),
  },
  queue: {
    env: "BATON_QUEUE",
    value: "N",
    fallback: 10_000,
    help: "Tasks that may wait; further tasks are rejected",
    read: integer(1, 1_000_000),
  },
  "max-wait": {
    env: "BATON_MAX_WAIT",
    value: "SECONDS",
    fallback: 60,
    help: "If a runnable task waits longer, health reports overloaded",
    read: integer(1, 86_400),
  },
  watch: {
    env: "BATON_WATCH",
    value: "SECONDS",
    fallback: 2,
    help: "Time between two scans of the inbox; 0 turns them off",
    read: integer(0, 3_600),
  },
} satisfies Settings;

function agent(role: Role): ValueSetting<Address[]> {
  return {
    env: `BATON_${role.toUpperCase()}`,
    value: "HOST:PORT,…",
    fallback: [{ hostname: "127.0.0.1", port: PORTS[role] }],
    help: `Addresses of the ${role}`,
    read: addresses,
  };
}
