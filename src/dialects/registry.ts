// Every way of speaking that Belfry has, one line per dialect. The config's sections, flags and environment names
// follow from `options`; the gateway takes the sides from here.

import { socketIoDialect } from "./socketio/dialect.ts";

export const dialects = {
  socketio: socketIoDialect,
} as const;

export type DialectName = keyof typeof dialects;
