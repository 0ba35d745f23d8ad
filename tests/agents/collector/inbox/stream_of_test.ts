import { assertEquals } from "@std/assert";
import { streamOf } from "../../../../agents/collector/inbox/stream_of.ts";

const STREAMS = {
  "shop.log": "shop.log",
  "shop-2026-11-02.log": "shop.log",
  "shop_20261102.log": "shop.log",
  "shop.log.1": "shop.log",
  "shop.log.2.gz": "shop.log",
  "shop.log-20261102.gz": "shop.log",
  "shop.log.2026-11-02": "shop.log",
  "shop-2026-11.log": "shop.log",
  "shop-2026-11-02-1.log": "shop.log",
  "shop-2026-11-02_10.log": "shop.log",
  "shop-2026-11-02T10-00-00.log": "shop.log",
  "shop-20261102T101500Z.log": "shop.log",
  "2026-11-02-shop.log": "shop.log",
  "logs/2026/11/02/shop.log": "logs/shop.log",
  "2026-11-02.log": "log",
  "2026-11-02": "2026-11-02",
  "orders.csv": "orders.csv",
  "events-v2.jsonl": "events-v2.jsonl",
  "app1.log": "app1.log",
  "node-1.log": "node-1.log",
  "port-8080.log": "port-8080.log",
  "order-20265599.csv": "order-20265599.csv",
  "build-1234567890.log": "build-1234567890.log",
  "a--b.log": "a--b.log",
  "logs/**/*.log": "logs/**/*.log",
  "shop-2026-11-*.log": "shop-*.log",
};

Deno.test("streamOf() removes what differs between the files of one log", () => {
  for (const [path, stream] of Object.entries(STREAMS)) assertEquals(streamOf(path), stream, path);
});
