// The demo's page in a real browser, and what may go wrong with it: a gateway that goes away and comes back, names and networks that are not ours.

import { describe, expect, test } from "bun:test";
import { emit } from "../support/emit.ts";
import { withBrowser } from "../support/chromium.ts";
import {
  curlOf,
  expectHeard,
  expectList,
  expectTicking,
  heard,
  openDemo,
  paste,
  publish,
  startDemo,
  withDemo,
  waitForValue,
  words,
} from "../support/demo.ts";
import { freePort, isListening } from "../support/ports.ts";
import { ServedGateway } from "../support/serve.ts";

const longTestMs = 60_000;

describe("the demo page", () => {
  test(
    "WSE-22 it ticks again by itself after the gateway was killed and started again, and knows the new secret",
    async () => {
      const port = await freePort();
      const first = await startDemo(port);
      await withBrowser(async (browser) => {
        const opened = await openDemo(browser, port);
        const { page } = opened;
        const oldCurl = await curlOf(page);
        await expectTicking(page);

        first.kill("SIGKILL");
        await page.locator("#state.reconnecting").waitFor();
        await publish(page, "into the void");
        await page.getByText("Not sent: the gateway does not answer.").waitFor();

        await using _again = await startDemo(port);
        await page.locator("#state.connected").waitFor();
        await page.getByText("Not sent").waitFor({ state: "hidden" });
        await expectTicking(page);
        const newCurl = await waitForValue(
          async () => curlOf(page),
          (curl) => curl !== oldCurl,
        );
        expect(await paste(oldCurl)).toBe("Incorrect secret\n");
        await publish(page, "back again");
        await expectHeard(page, 'time message "back again"');
        // The new gateway has no tape of the old one.
        expect(await words(page, "native")).toEqual(["time: something may be missing (too_old)"]);
        expect(await words(page, "socketio")).toEqual(["connected again, not recovered"]);
        expect(await paste(newCurl)).toBe("OK\n");

        // Only what a lost connection itself logs.
        for (const problem of opened.takeProblems()) expect(problem).toMatch(/socket\.io|\/connect|\/emit/);
        // Before the gateway: the page would come back to one that stops.
        await page.close();
      });
    },
    longTestMs,
  );

  test(
    "WSE-22 a page that holds an old secret says so in words",
    async () => {
      await using _demo = await startDemo(await freePort());
      const port = Number(/127\.0\.0\.1:(\d+)/.exec(_demo.output)?.[1]);
      await withBrowser(async (browser) => {
        const opened = await browser.open("about:blank");
        const { page } = opened;
        await page.route("**/demo/settings.json", async (route) =>
          route.fulfill({ json: { secret: "of yesterday" } }),
        );
        await page.goto(`http://localhost:${port}/`);
        await page.locator("#state.connected").waitFor();
        await curlOf(page);
        await publish(page, "hello");
        const note = page.getByRole("alert");
        await waitForValue(
          async () => note.innerText(),
          (text) => text !== "",
        );
        expect(await note.innerText()).toMatch(/^Refused: .* new publish secret\. Reload this page/);
        expect(await heard(page, "native")).toEqual([]);
        expect(opened.takeProblems().join("\n")).toContain("status of 403");

        await page.unroute("**/demo/settings.json");
        await page.reload();
        await page.locator("#state.connected").waitFor();
        await curlOf(page);
        await publish(page, "hello");
        await expectHeard(page, 'time message "hello"');
      });
    },
    longTestMs,
  );

  test(
    "WSE-03 WSE-04 it hears the room in its box, whatever the curl line sends there, and no other",
    async () => {
      await withDemo(async ({ page }) => {
        await page.getByLabel("Room").fill("news");
        const nasty = `it's <img src=x onerror=alert(1)> "$HOME" \`id\` \\ !1 ü`;
        await page.getByLabel("Text").fill(nasty);
        const news = await curlOf(page);
        expect(await paste(news)).toBe("OK\n");
        await expectHeard(page, `news message ${JSON.stringify(nasty)}`);
        expect(await page.locator(".received img").count()).toBe(0);

        await page.getByLabel("Room").fill("sport");
        const ofNews = `news message ${JSON.stringify(nasty)}`;
        await publish(page, "goal");
        // It left the one room before it joined the other.
        await expectHeard(page, 'sport message "goal"', ofNews);
        expect(await paste(news)).toBe("OK\n");
        await publish(page, "again");
        await expectHeard(page, 'sport message "again"', 'sport message "goal"', ofNews);

        await page.getByLabel("Room").fill("shop::orders");
        await page.getByText("nly pages that send its secret can join a room").waitFor();
        await publish(page, "for the others");
        await page.getByText("Published in shop::orders. This page did not receive it").waitFor();
        await page.getByLabel("Room").fill("time");
        await publish(page, "noon");
        await expectHeard(
          page,
          'time message "noon"',
          'sport message "again"',
          'sport message "goal"',
          ofNews,
        );
        expect(await page.getByRole("alert").innerText()).toBe("");
      });
    },
    longTestMs,
  );

  test(
    "PSQ-07 a message to everyone, or to both of its rooms, is one line",
    async () => {
      await withDemo(async ({ page, port, demo }) => {
        const curl = await curlOf(page);
        const secret = /"secret":"([^"]+)"/.exec(curl)?.[1] ?? "";
        await page.getByLabel("Room").fill("news");
        await publish(page, "first");
        await expectHeard(page, 'news message "first"');
        const sayBoth = async (room: unknown): Promise<void> =>
          emit(`http://127.0.0.1:${port}`, { event: "message", room, data: "both", secret });
        // Each of equal messages is a line, however fast they follow.
        for (let count = 0; count < 3; count++) await sayBoth(["time", "news"]);
        // By Socket.IO once, natively in each of the two rooms.
        await demo.waitFor(/^message -> time \+ news, delivered to 3$/m);
        await sayBoth(null);
        const both = Array(3).fill('message "both"');
        await expectList(page, "socketio", ['message "both"', ...both, 'message "first"']);
        // What goes to everyone is in no room, and is for Socket.IO alone.
        const twoRooms = /^(?:time \+ news|news \+ time) message "both"$/;
        const inRooms = expect.stringMatching(twoRooms);
        await sayBoth("time");
        await expectList(page, "native", [
          'time message "both"',
          inRooms,
          inRooms,
          inRooms,
          'news message "first"',
        ]);
      });
    },
    longTestMs,
  );

  test(
    "what is published while the line is cut comes natively afterwards, in order, and the gateway says so",
    async () => {
      await withDemo(async ({ page }) => {
        await page.getByLabel("Room").fill("news");
        await publish(page, "before");
        await expectHeard(page, 'news message "before"');
        const curl = await curlOf(page);
        await page.getByRole("button", { name: "Cut the line for 5 seconds" }).click();
        await page.locator("#state.cut").waitFor();
        expect(await paste(curl.replace("before", "from a terminal"))).toBe("OK\n");
        await publish(page, "from the page");
        await page.locator("#state.connected").waitFor();
        await expectTicking(page);
        await publish(page, "after");
        await expectList(page, "socketio", ['message "after"', 'message "before"']);
        const isOfNews = (line: string): boolean => line.includes("news");
        const lines = await waitForValue(
          async () => heard(page, "native"),
          (found) => found.some((line) => line.includes("after")),
        );
        expect(lines.filter(isOfNews)).toEqual([
          'news message "after"',
          'recovered news message "from the page"',
          'recovered news message "from a terminal"',
          'news message "before"',
        ]);
        // The clock ticked on meanwhile.
        const ticks = lines.filter((line) => line.startsWith("recovered time clock ")).toReversed();
        const seconds = ticks.map((line) => Number(/:(\d\d)"$/.exec(line)?.[1]));
        expect(seconds.length).toBeGreaterThanOrEqual(4);
        const first = seconds[0] ?? Number.NaN;
        expect(seconds).toEqual(seconds.map((_, index) => (first + index) % 60));
        expect((await words(page, "native")).toSorted()).toEqual([
          "cut for 5 seconds",
          "news: recovered, 2 missed",
          `time: recovered, ${ticks.length} missed`,
        ]);
        expect(await words(page, "socketio")).toEqual([
          "connected again, not recovered",
          "cut for 5 seconds",
        ]);
      });
    },
    longTestMs,
  );

  test(
    "the three lines that a page needs are there and work, and the documentation is a link away",
    async () => {
      await withDemo(async ({ page, port }) => {
        const lines = await page.locator("#lines").innerText();
        expect(lines).toContain(`<script src="http://localhost:${port}/socket.io/socket.io.js"></script>`);
        const native = await page.locator("#native-lines").innerText();
        await page.evaluate(native.replace(/<\/?script>/g, "").replace("console.log(", "globalThis.got = ("));
        // It is connected when it hears the clock.
        await page.waitForFunction(() => Reflect.get(globalThis, "got") !== undefined);
        await publish(page, "for the lines");
        await page.waitForFunction(() => Reflect.get(globalThis, "got")?.data === "for the lines");
        const green = await page.locator("#state").evaluate((element) => getComputedStyle(element).color);
        expect(green).toBe("rgb(31, 111, 58)");
        await page.getByRole("link", { name: "The documentation" }).click();
        await page.getByRole("heading", { name: "Belfry", exact: true }).waitFor();
        await page.getByRole("link", { name: "Configuration", exact: true }).first().click();
        await page.getByRole("heading", { name: "Configuration", exact: true }).waitFor();
        for (const path of [
          "/demo/docs/package.json",
          "/demo/docs/docs/%2e%2e/package.json",
          "/demo/docs/docs/no.md",
        ]) {
          const { status } = await fetch(`http://127.0.0.1:${port}${path}`);
          expect([path, [400, 404].includes(status)]).toEqual([path, true]);
        }
      });
    },
    longTestMs,
  );

  test(
    "it fits a phone, has a dark dress, an icon, and copies its curl line",
    async () => {
      await withDemo(async ({ page, port }) => {
        const curl = await curlOf(page);
        await page.setViewportSize({ width: 320, height: 640 });
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
        const paper = async () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
        const light = await paper();
        await page.emulateMedia({ colorScheme: "dark" });
        expect(await paper()).not.toBe(light);

        await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
        await page.getByRole("button", { name: "Copy" }).click();
        await page.getByRole("button", { name: "Copied" }).waitFor();
        expect(await page.evaluate(async () => navigator.clipboard.readText())).toBe(curl);

        const icon = (await page.locator("link[rel=icon]").getAttribute("href")) ?? "";
        for (const path of [icon, "/favicon.ico"]) {
          const answer = await fetch(`http://127.0.0.1:${port}${path}`);
          expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/svg+xml"]);
        }
      });
    },
    longTestMs,
  );
});

describe("who reaches the demo", () => {
  test("loopback alone, also by a name that resolves to IPv6 first, and past a proxy of the environment", async () => {
    const port = await freePort();
    const proxy = "http://127.0.0.1:9";
    await using demo = await startDemo(port, { HTTP_PROXY: proxy, http_proxy: proxy });
    const [line = ""] = await demo.waitFor(/curl .*$/m);
    // Linux answers on all of 127.0.0.0/8 whoever listens on every address.
    expect(await isListening("127.0.0.2", port)).toBe(false);
    const resolve = `--noproxy '*' --resolve localhost:${port}:[::1],127.0.0.1`;
    const byName = line.replace("curl", `curl ${resolve}`).replace("127.0.0.1:", "localhost:");
    expect(byName).toContain(`http://localhost:${port}/emit`);
    expect(await paste(byName)).toBe("OK\n");
    // Its own backend rings too.
    const emitted = async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/-/metrics`)).text();
      return Number(/^belfry_messages_received_total\S* (\d+)/m.exec(text)?.[1] ?? 0);
    };
    await waitForValue(emitted, (count) => count >= 3);
  });

  test("EIO-18 SEC-07 no page of another site, and no site that renames itself to this machine", async () => {
    const port = await freePort();
    await using _demo = await startDemo(port);
    const url = `http://127.0.0.1:${port}`;
    const foreign = { host: `belfry.example:${port}` };
    expect((await fetch(`${url}/demo/settings.json`, { headers: foreign })).status).toBe(421);
    expect((await fetch(`${url}/`, { headers: foreign })).status).toBe(421);
    const handshake = `${url}/socket.io/?EIO=4&transport=polling`;
    for (const [origin, status] of [
      [url, 200],
      ["http://belfry.example", 400],
      ["null", 400],
    ] as const) {
      expect([origin, (await fetch(handshake, { headers: { origin } })).status]).toEqual([origin, status]);
    }
    const settings = await fetch(`${url}/demo/settings.json`, {
      headers: { origin: "http://belfry.example" },
    });
    expect(settings.headers.has("access-control-allow-origin")).toBe(false);
  });

  test("any other start serves no demo and tells no secret", async () => {
    await using gateway = await ServedGateway.start({ args: ["--secret", "told-to-nobody"] });
    for (const path of ["/", "/demo/settings.json", "/demo/page.js", "/favicon.ico"]) {
      const answer = await fetch(gateway.url + path);
      expect([path, answer.status, await answer.text()]).toEqual([
        path,
        404,
        expect.stringMatching(/^Not found/),
      ]);
    }
    expect(gateway.process.output).not.toContain("told-to-nobody");
  });
});
