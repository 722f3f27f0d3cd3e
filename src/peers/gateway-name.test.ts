// Names of gateways: readable, of their own, and such that every gateway takes them.

import { expect, test } from "bun:test";
import { createGatewayName } from "./gateway-name.ts";
import { isGatewayName } from "./message.ts";

test.each([
  ["web-1", "web-1-"],
  ["web-1.shop.example", "web-1.shop.example-"],
  ["Büro rechner_2", "B-ro-rechner-2-"],
  ["--.x.--", "x-"],
  ["", "gateway-"],
  ["ü", "gateway-"],
  ["a".repeat(200), `${"a".repeat(40)}-`],
])("the host %p gives %p and eight random characters", (host, start) => {
  const name = createGatewayName(host);
  expect(name).toStartWith(start);
  expect(name.slice(start.length)).toMatch(/^[0-9a-f]{8}$/);
  expect(isGatewayName(name)).toBe(true);
  expect(createGatewayName(host)).not.toBe(name);
});
