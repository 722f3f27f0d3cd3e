// Who may join a room: the one rule of all dialects (docs/rooms.md). Where a rule of the config says `join`, its ways in
// count. Otherwise a public room is for everyone; one with a room-space is for the identity that the space names, or for
// clients that show the secret of the space (room-secrets.ts). The room of a single client is for that client alone (WSE-07).

import { roomSpace } from "../core/access.ts";
import type { Access, EnterRequest, EnterVerdict } from "../core/access.ts";
import type { Hub } from "../core/hub.ts";
import type { RoomRules } from "../core/room-rules.ts";
import type { RoomSecrets } from "./room-secrets.ts";
import { isAdmittedBy, opensRoom } from "./ways.ts";

export interface RoomAccessParts {
  readonly hub: Pick<Hub, "isOwnRoom">;
  readonly secrets: Pick<RoomSecrets, "mayJoin" | "hintIfUnset">;
  readonly rules: RoomRules;
}

export class RoomAccess implements Access {
  readonly #hub: RoomAccessParts["hub"];
  readonly #secrets: RoomAccessParts["secrets"];
  readonly #rules: RoomRules;

  constructor({ hub, secrets, rules }: RoomAccessParts) {
    this.#hub = hub;
    this.#secrets = secrets;
    this.#rules = rules;
  }

  enter(request: EnterRequest & { readonly secret: undefined }): EnterVerdict;
  enter(request: EnterRequest): EnterVerdict | Promise<EnterVerdict>;
  enter(request: EnterRequest): EnterVerdict | Promise<EnterVerdict> {
    const { namespace, room, id, identity } = request;
    if (room !== id && this.#hub.isOwnRoom(namespace, room)) return "room_of_another";
    const ways = this.#rules.ruleOf(room, namespace).join;
    if (!ways) return opensRoom(identity, room) ? "allowed" : this.#secrets.mayJoin(request);
    if (isAdmittedBy(ways, identity, room)) return "allowed";
    // A room without a room-space has no secret that could be right.
    const hasSecret = ways.includes("secret") && roomSpace(room) !== undefined;
    return hasSecret ? this.#secrets.mayJoin(request) : "closed";
  }

  hintIfUnset(space: string): void {
    this.#secrets.hintIfUnset(space);
  }
}
