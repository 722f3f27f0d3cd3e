// The examples of docs/api.md, by operation; test/conformance/api-examples.test.ts runs them as they stand on the page.

/** What is sent and what comes back. */
export interface ApiExample {
  /** The path, and the query behind it. */
  readonly path: string;
  readonly body?: string;
  /** Ids, times, positions and counts differ from one gateway to another. */
  readonly answer: object;
}

const gateways = { answered: ["web-1-5f2c81d0", "web-2-9b03e6aa"], silent: [] };
const ended = { disconnected: 2, ...gateways };
const counts = { connections: 3, dialects: { native: 2, socketio: 1 } };
const connection = {
  id: "web-1-5f2c81d0:17",
  dialect: "native",
  transport: "websocket",
  address: "203.0.113.7",
  namespace: "/",
  user: "john",
  since: "2026-01-31T12:00:00.000Z",
  roomCount: 1,
  queuedBytes: 0,
};

export const apiExamples: Readonly<Record<string, ApiExample>> = {
  publish: {
    path: "/api/publish",
    body: '{"room":"time","event":"update","data":{"time":1}}',
    answer: { delivered: 2 },
  },
  publishBody: { path: "/rooms/time", body: "12:00", answer: { delivered: 2 } },
  ticket: {
    path: "/api/tickets",
    body: '{"rooms":["shop::orders"],"user":"john"}',
    answer: { ticket: "Gn3pU9o0VQ2T1yW5mXk7sLzJr8aHcEdF4bIvNqOtRwY", seconds: 30 },
  },
  revoke: { path: "/api/revoke", body: '{"user":"john"}', answer: { ended: 3, ...gateways } },
  listRooms: {
    path: "/api/rooms?match=shop::*",
    answer: { rooms: [{ room: "shop::orders", namespace: "/", ...counts }], ...gateways },
  },
  showRoom: {
    path: "/api/rooms/shop::orders",
    answer: {
      room: "shop::orders",
      namespace: "/",
      ...counts,
      rule: { index: null, join: null, publish: "backends", history: null, presence: false },
      at: null,
      ...gateways,
    },
  },
  showHistory: {
    path: "/api/rooms/news/history?limit=2",
    answer: {
      publications: [{ event: "update", data: { n: 1 }, at: "k3JfQ2Lm:1.x9Q1" }],
      at: "k3JfQ2Lm:1.x9Q1",
      hasMore: false,
    },
  },
  showPresence: {
    path: "/api/rooms/lobby/presence",
    answer: { users: [{ user: "john", info: { name: "John" } }], total: 1, anonymous: 0 },
  },
  listConnections: {
    path: "/api/connections?user=john",
    answer: { connections: [connection], ...gateways },
  },
  showConnection: {
    path: "/api/connections/web-1-5f2c81d0:17",
    answer: { ...connection, rooms: ["shop::orders"] },
  },
  disconnectConnection: {
    path: "/api/connections/web-1-5f2c81d0:17/disconnect",
    answer: { disconnected: 1, answered: ["web-1-5f2c81d0"], silent: [] },
  },
  disconnectRoom: { path: "/api/rooms/shop::orders/disconnect", answer: ended },
  disconnectUser: { path: "/api/users/john/disconnect", answer: ended },
  sendToUser: {
    path: "/api/users/john/messages",
    body: '{"event":"notice","data":{"text":"Your order is ready"}}',
    answer: { delivered: 2, ...gateways },
  },
  listWebhooks: {
    path: "/api/webhooks?letters=1",
    answer: {
      webhooks: [
        {
          url: "https://app.example/hooks",
          waiting: 0,
          deadLetters: 1,
          newest: [
            {
              id: "1764400000123-0",
              reason: "status",
              text: "Expected an answer 2xx within 300 s, got status 503",
              event: {
                type: "room_occupied",
                room: "chat::1",
                namespace: "/",
                epoch: "q1Zb0w",
                seq: 1,
                at: 1_764_400_000_120,
              },
            },
          ],
        },
      ],
    },
  },
};
