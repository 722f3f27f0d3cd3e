// Why a connection ends: one table for logs, metrics and close frames. The label is the metric's reason; the
// close codes a dialect shows its clients are its own business (EIO-14: Socket.IO clients see 1000, 1001, 1005).

export type DisconnectReason =
  | "client" // the peer closed or vanished
  | "slow" // its queue passed the limit (SEC-06)
  | "ping_timeout" // no heartbeat in time (EIO-11, EIO-12)
  | "connect_timeout" // no namespace joined in time (SIO-06)
  | "protocol_error" // undecodable or forbidden packet (EIO-17, SIO-12)
  | "too_large" // message over the limit (EIO-22)
  | "flood" // more packets than one client may send (SEC-06)
  | "replaced" // a newer connection took its key (HUB-12)
  | "no_groups" // the backend refused its key (HUB-07)
  | "no_session" // it asked for its session's messages and has none (W4R-15)
  | "expired" // what proved its identity has ended (T18)
  | "unavailable" // what it asked for could not be fetched (W4R-12)
  | "server" // a backend's order (PSQ-12, NRE-06)
  | "shutdown"; // drain (SEC-14)
