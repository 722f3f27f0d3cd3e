// The HTTP API that rules gateways, asked as an operator does, on one gateway and on several.

import { expect, setDefaultTimeout, test } from "bun:test";
import { startGateway } from "../support/gateway.ts";

setDefaultTimeout(60_000);

const secret = "publish-secret-of-this-test";
const headers = { authorization: `Bearer ${secret}` };

test("rooms are listed with their clients by dialect, and one by one", async () => {
  await using gateway = await startGateway({ secret });
  const answer = await fetch(`${gateway.url}/api/rooms`, { headers });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ rooms: [], silent: [] });
  expect(await (await fetch(`${gateway.url}/api/rooms/a`, { headers })).json()).toMatchObject({
    room: "a",
    connections: 0,
    at: null,
  });
});
