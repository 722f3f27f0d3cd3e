// What tokens and the connect hook may say of a client's rights, under the same names (docs/auth.md).

import { z } from "zod";
import type { Identity } from "../core/identity.ts";
import { createGrants } from "./granted-rooms.ts";
import { boundGroups } from "./result.ts";

/** Rooms that one proof may name; each is a name or a glob. */
const maxGrantedRooms = 100;

const roomList = z.array(z.string().min(1).max(512)).max(maxGrantedRooms).default([]);

/** `info` is bounded as JSON text, characters. */
const maxInfoLength = 1_024;

export const rightsShape = {
  groups: z.array(z.string()).default([]),
  rooms: roomList,
  rooms_publish: roomList,
  info: z
    .unknown()
    .transform((value) => JSON.stringify(value))
    .refine((text) => text.length <= maxInfoLength)
    .optional(),
};

type Rights = z.output<z.ZodObject<typeof rightsShape>>;

export function rightsOf({
  groups,
  rooms,
  rooms_publish: publish,
  info,
}: Rights): Pick<Identity, "groups" | "grants" | "info"> {
  const grants = createGrants(rooms, publish);
  return {
    groups: boundGroups(groups),
    ...(grants && { grants }),
    ...(info !== undefined && { info }),
  };
}
