// Who may join a room: the one rule of all dialects (docs/architecture.md). A public room is for everyone; one with a
// room-space is for the identity that the space names, or for whoever shows the secret of the space (room-secrets.ts).
// The room of a single client is for that client alone (WSE-07).

import { opensRoom } from "../core/access.ts";
import type { Access, EnterRequest, Verdict } from "../core/access.ts";
import type { Hub } from "../core/hub.ts";
import type { RoomSecrets } from "./room-secrets.ts";

export interface RoomAccessParts {
  readonly hub: Pick<Hub, "isOwnRoom">;
  readonly secrets: Pick<RoomSecrets, "mayJoin" | "hintIfUnset">;
}

export class RoomAccess implements Access {
  readonly #hub: RoomAccessParts["hub"];
  readonly #secrets: RoomAccessParts["secrets"];

  constructor({ hub, secrets }: RoomAccessParts) {
    this.#hub = hub;
    this.#secrets = secrets;
  }

  enter(request: EnterRequest & { readonly secret: undefined }): Verdict;
  enter(request: EnterRequest): Verdict | Promise<Verdict>;
  enter(request: EnterRequest): Verdict | Promise<Verdict> {
    const { namespace, room, id, identity } = request;
    if (room !== id && this.#hub.isOwnRoom(namespace, room)) return "room_of_another";
    return opensRoom(identity, room) ? "allowed" : this.#secrets.mayJoin(request);
  }

  hintIfUnset(space: string): void {
    this.#secrets.hintIfUnset(space);
  }
}
