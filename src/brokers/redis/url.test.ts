import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GatewayError } from "../../vocabulary/errors.ts";
import { addressOf, parseRedisUrl } from "./url.ts";

/** Place, database and login in one line. */
function read(url: string): string {
  const { place, database, username, password } = parseRedisUrl(url);
  return `${place.kind} ${addressOf(place)} ${database} ${username ?? "-"} ${password ?? "-"}`;
}

describe("parseRedisUrl", () => {
  const good = [
    ["redis://", "tcp localhost:6379 0 - -"],
    ["redis://localhost:6379/0", "tcp localhost:6379 0 - -"],
    ["REDIS://Example.org", "tcp Example.org:6379 0 - -"],
    ["redis:///3", "tcp localhost:6379 3 - -"],
    ["redis://:6380", "tcp localhost:6380 0 - -"],
    ["redis://10.0.0.1:1/", "tcp 10.0.0.1:1 0 - -"],
    ["redis://[::1]:6380/2", "tcp [::1]:6380 2 - -"],
    [
      "redis://host/7/?socket_timeout=5&health_check_interval=30&decode_responses=True",
      "tcp host:6379 7 - -",
    ],
    ["redis://my_host?db=4", "tcp my_host:6379 4 - -"],
    ["redis://user:pass@host/1", "tcp host:6379 1 user pass"],
    ["redis://:pass@host", "tcp host:6379 0 - pass"],
    ["redis://:p%40ss%2F%C3%BC@host", "tcp host:6379 0 - p@ss/ü"],
    ["redis://user:p@ss@host", "tcp host:6379 0 user p@ss"],
    ["redis://user@host", "tcp host:6379 0 user -"],
    ["redis://host?username=u&password=p%26", "tcp host:6379 0 u p&"],
    ["rediss://host:6390/1?ssl_cert_reqs=none", "tls host:6390 1 - -"],
    ["unix:///run/redis.sock", "socket /run/redis.sock 0 - -"],
    ["unix:///run/my%20redis.sock?db=5", "socket /run/my redis.sock 5 - -"],
    ["redis+unix://u:p@/run/r", "socket /run/r 0 u p"],
    ["redis+socket:///run/r?virtual_host=2", "socket /run/r 2 - -"],
    ["redis-socket:///run/r?db=1&password=x", "socket /run/r 1 - x"],
    ["socket:///run/r", "socket /run/r 0 - -"],
  ] as const;
  for (const [url, expected] of good) {
    test(`RTE-11 ${url}`, () => {
      expect(read(url)).toBe(expected);
    });
  }

  test("RTE-11 what a URL says about certificates", () => {
    const reqs = ["required", "CERT_REQUIRED", "optional", "none", "CERT_NONE"];
    const verdicts = reqs.map((text) => parseRedisUrl(`rediss://h?ssl_cert_reqs=${text}`).isInsecure);
    expect(verdicts).toEqual([false, false, false, true, true]);
    expect(parseRedisUrl("rediss://h?ssl_ca_certs=/etc/ca.pem")).toMatchObject({
      caFile: "/etc/ca.pem",
      isInsecure: undefined,
    });
  });

  test("RTE-11 T17 the label has no user, password or option", () => {
    expect(parseRedisUrl("rediss://user:hunter2@h:1/2?password=x").label).toBe("rediss://h:1/2");
    expect(parseRedisUrl("unix://user:hunter2@/run/r?db=2&password=x").label).toBe("unix:///run/r?db=2");
    expect(parseRedisUrl("redis://[::1]").label).toBe("redis://[::1]:6379/0");
  });

  const bad = [
    ["localhost:6379", "`scheme://...`"],
    ["http://hunter2@host", "one of the schemes redis, rediss, unix"],
    ["redis://:hunter2@host:99999", "a port from 1 to 65535 in the Redis URL, got 99999"],
    ["redis://:hunter2@host:0", "a port from 1 to 65535 in the Redis URL, got 0"],
    ["redis://:hunter2@host:port", "`host`, `host:port` or `[ipv6]:port`"],
    ["redis://:hunter2#@ho st", "`host`, `host:port` or `[ipv6]:port`"],
    ["redis://:hun/ter2@host", "a database number"],
    ["redis://hunter2/hunter2@host", "a database number"],
    ["redis://:hunter2@host/one", "a database number"],
    ["redis://:hunter2@host/-1", "a database number"],
    ["redis://:hunter2%@host", "`%` to be followed by two hexadecimal digits"],
    ["redis://:hunter2%ff@host", "`%` to be followed by two hexadecimal digits"],
    ["redis://host?pasword=hunter2", "only the options db, virtual_host, username"],
    ["rediss://host?ssl_cert_reqs=hunter2", "`ssl_cert_reqs` as `required`, `optional` or `none`"],
    ["unix://hunter2", "the absolute path of a socket"],
    ["unix://", "the absolute path of a socket"],
    ["unix://:hunter2@host/run/r", "the absolute path of a socket"],
  ] as const;
  for (const [url, expected] of bad) {
    test(`T17 RTE-11 refused without repeating it: ${url}`, () => {
      expect(() => parseRedisUrl(url)).toThrow(expected);
      try {
        parseRedisUrl(url);
      } catch (error) {
        expect(error).toMatchObject({ code: "config_invalid" });
        expect(String(error)).not.toContain("hun");
      }
    });
  }

  test("RTE-11 T17 100,000 generated texts: an address or a GatewayError, never the text itself", () => {
    const piece = fc.constantFrom(
      "redis",
      "rediss",
      "unix",
      "://",
      ":",
      "@",
      "/",
      "?",
      "db=",
      "&",
      "%",
      "%41",
      "[",
      "]",
    );
    const text = fc.array(fc.oneof(piece, fc.string({ maxLength: 6 }))).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          text.map((rest) => `redis://:s3cr3t@${rest}`),
        ),
        (url) => {
          try {
            return !parseRedisUrl(url).label.includes("s3cr3t");
          } catch (error) {
            return (
              error instanceof GatewayError &&
              error.code === "config_invalid" &&
              !error.message.includes("s3cr3t")
            );
          }
        },
      ),
      { numRuns: 100_000 },
    );
  });
});
