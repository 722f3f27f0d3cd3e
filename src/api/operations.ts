// All operations of the HTTP API that rules a gateway, one line each, and what the gateway answers to others for them.

import type { Described } from "../vocabulary/operation.ts";
import { answerConnections } from "./connection-answers.ts";
import {
  connectionSchemas,
  disconnectConnection,
  disconnectRoom,
  disconnectUser,
  listConnections,
  showConnection,
} from "./connections.ts";
import { historySchemas, showHistory } from "./history.ts";
import type { ApiContext, Operation } from "./operation.ts";
import { presenceSchemas, showPresence } from "./presence.ts";
import { answerRooms, listRooms, roomSchemas, showRoom } from "./rooms.ts";
import { answerSending, sendSchemas, sendToUser } from "./send.ts";
import { listWebhooks, webhookSchemas } from "./webhooks.ts";

export const operations: readonly Operation[] = [
  listRooms,
  showRoom,
  showHistory,
  showPresence,
  disconnectRoom,
  listConnections,
  showConnection,
  disconnectConnection,
  sendToUser,
  disconnectUser,
  listWebhooks,
];

/** For the OpenAPI document. */
export const described: Described = {
  operations,
  schemas: {
    ...roomSchemas,
    ...historySchemas,
    ...presenceSchemas,
    ...connectionSchemas,
    ...sendSchemas,
    ...webhookSchemas,
  },
};

/** This gateway answers the questions of others. */
export function answerPeers(context: ApiContext): void {
  answerRooms(context);
  answerConnections(context);
  answerSending(context);
}
