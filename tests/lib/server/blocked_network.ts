import type { Connection, Net } from "../../../lib/system.ts";
import { until } from "../../harness/waiting.ts";

/**
 * A network whose connections, while it is blocked, take nothing that is written to them. A real peer
 * that does not read takes many megabytes first.
 */
export class BlockedNetwork {
  blocked = false;
  #writing = 0;
  readonly #held: (() => void)[] = [];
  readonly net: Net;

  constructor(net: Net) {
    const connection = (conn: Connection): Connection => ({
      remoteAddr: conn.remoteAddr,
      setNoDelay: () => conn.setNoDelay(),
      read: (into) => conn.read(into),
      write: (bytes) => {
        if (!this.blocked) return conn.write(bytes);
        this.#writing++;
        return new Promise((_, reject) => this.#held.push(() => reject(new Error("Gone"))));
      },
      close: () => conn.close(),
    });
    this.net = {
      connect: (options) => net.connect(options),
      listen: (options) => {
        const listener = net.listen(options);
        return {
          addr: listener.addr,
          accept: async () => connection(await listener.accept()),
          close: () => listener.close(),
        };
      },
    };
  }

  /** Resolves when `count` writes wait. */
  async writes(count: number): Promise<void> {
    await until(() => this.#writing === count, "a write waits for the peer");
  }

  /** Ends all writes that wait: the peers are gone. */
  end(): void {
    for (const end of this.#held) end();
  }
}
