// Names of events that no dialect may carry.

/** Names that make official Socket.IO clients fail or run their own handlers; never relayed in any direction (SIO-13). */
export const reservedEvents: ReadonlySet<string> = new Set([
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
]);
