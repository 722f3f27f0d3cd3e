// A real browser at the door: whether a page of another origin may speak to the gateway is decided by what Chromium
// sends and obeys, not by a test's own headers.

import { join } from "node:path";
import { expect, test } from "bun:test";
import { withBrowser } from "../support/chromium.ts";
import { startGateway } from "../support/gateway.ts";

const client = join(import.meta.dir, "../../node_modules/socket.io-client/dist/socket.io.min.js");

/** A site with a page that connects to the gateway and shows in its title how that went. */
async function startSite(): Promise<Bun.Server<undefined>> {
  const script = await Bun.file(client).text();
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const { searchParams } = new URL(request.url);
      const options = JSON.stringify({ transports: [searchParams.get("transport")], reconnection: false });
      const page = `<!doctype html><link rel="icon" href="data:,"><script>${script}</script><script>
const socket = io(${JSON.stringify(searchParams.get("gateway"))}, ${options});
socket.on("connect", () => (document.title = "connected"));
socket.on("connect_error", () => (document.title = "refused"));
</script>`;
      return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
    },
  });
}

test.each(["polling", "websocket"])(
  "T1 EIO-18 a page of a listed origin connects, one of another does not: %s",
  async (transport) => {
    using listed = await startSite();
    using other = await startSite();
    await using gateway = await startGateway({
      listeners: [{ address: "127.0.0.1:0", origins: [listed.url.origin] }],
    });
    await withBrowser(async ({ open }) => {
      const query = new URLSearchParams({ gateway: gateway.url, transport });
      for (const [site, title] of [
        [listed, "connected"],
        [other, "refused"],
      ] as const) {
        const { page, takeProblems } = await open(`${site.url.origin}/?${query}`);
        await page.waitForFunction(() => document.title !== "");
        expect(await page.title()).toBe(title);
        if (title === "refused") expect(takeProblems()).not.toEqual([]);
      }
    });
  },
);

/** A page that asks for a poll as a script, as JSONP clients do, and shows in its title whether it was told anything. */
function startScriptSite(): Bun.Server<undefined> {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const { searchParams } = new URL(request.url);
      const script = `${searchParams.get("gateway")}/socket.io/?EIO=3&transport=polling&j=0`;
      const policy = searchParams.get("policy") ?? "";
      const page = `<!doctype html><link rel="icon" href="data:,"><body><script>
let told = "nothing";
window.___eio = [(payload) => (told = payload)];
const script = document.createElement("script");
script.referrerPolicy = ${JSON.stringify(policy)};
script.onload = script.onerror = () => (document.title = told);
script.src = ${JSON.stringify(script)};
document.body.append(script);
</script>`;
      return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
    },
  });
}

test("EIO-21 EIO-18 a page of a listed origin may ask for a script, one of another learns nothing", async () => {
  using listed = startScriptSite();
  using other = startScriptSite();
  await using list = await startGateway({
    listeners: [{ address: "127.0.0.1:0", origins: [listed.url.origin] }],
  });
  await using all = await startGateway({ listeners: [{ address: "127.0.0.1:0", origins: "*" }] });
  await using none = await startGateway({ listeners: [{ address: "127.0.0.1:0", origins: [] }] });
  await withBrowser(async ({ open }) => {
    const heard = async (site: Bun.Server<undefined>, gateway: string, policy = ""): Promise<string> => {
      const query = new URLSearchParams({ gateway, policy });
      const { page, takeProblems } = await open(`${site.url.origin}/?${query}`);
      await page.waitForFunction(() => document.title !== "");
      takeProblems();
      return page.title();
    };
    expect(await heard(listed, list.url)).toContain('"sid":');
    expect(await heard(other, all.url)).toContain('"sid":');
    expect(await heard(other, list.url)).toBe("nothing");
    expect(await heard(other, list.url, "no-referrer")).toBe("nothing");
    expect(await heard(listed, list.url, "no-referrer")).toBe("nothing");
    expect(await heard(listed, none.url)).toBe("nothing");
  });
});
