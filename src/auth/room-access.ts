// Who may join a room: the one rule of all dialects (docs/rooms.md). Where a rule of the config says `join`, its ways in
// count. Otherwise a public room is for everyone; one with a room-space is for the identity that the space names, for clients
// with a token or ticket that names the room, or that show the secret of the space (room-secrets.ts). The room of a single client is for that client alone (WSE-07).

import { roomSpace } from "../core/room-name.ts";
import type { Access, EnterRequest, SayRequest, EnterVerdict } from "../proofs/access.ts";
import type { Hub } from "../core/hub.ts";
import type { Identity } from "../core/identity.ts";
import type { Connection } from "../core/membership.ts";
import { roomLabel } from "../vocabulary/room-rules.ts";
import type { RoomRules } from "../vocabulary/room-rules.ts";
import type { Revocations } from "../proofs/revocations.ts";
import type { RoomSecrets } from "./room-secrets.ts";
import { isAdmittedBy, opensRoom } from "./ways.ts";

export interface RoomAccessParts {
  readonly hub: Pick<Hub, "isOwnRoom">;
  readonly secrets: Pick<RoomSecrets, "mayJoin" | "hintIfUnset">;
  readonly rules: RoomRules;
  readonly revocations: Pick<Revocations, "isRevoked" | "count">;
}

export class RoomAccess implements Access {
  readonly #hub: RoomAccessParts["hub"];
  readonly #secrets: RoomAccessParts["secrets"];
  readonly #rules: RoomRules;
  readonly #revocations: RoomAccessParts["revocations"];

  constructor({ hub, secrets, rules, revocations }: RoomAccessParts) {
    this.#hub = hub;
    this.#secrets = secrets;
    this.#rules = rules;
    this.#revocations = revocations;
  }

  judge(request: EnterRequest & { readonly secret: undefined }): EnterVerdict;
  judge(request: EnterRequest): EnterVerdict | Promise<EnterVerdict>;
  judge(request: EnterRequest): EnterVerdict | Promise<EnterVerdict> {
    const { namespace, room, id } = request;
    if (this.#revocations.isRevoked(request.identity)) return "closed";
    if (room !== id && this.#hub.isOwnRoom(namespace, room)) return "room_of_another";
    const ways = this.#rules.ruleOf(room, namespace).join;
    if (this.isOpenTo(request)) return "allowed";
    if (!ways) return this.#secrets.mayJoin(request);
    // A room without a room-space has no secret that could be right.
    const hasSecret = ways.includes("secret") && roomSpace(room) !== undefined;
    return hasSecret ? this.#secrets.mayJoin(request) : "closed";
  }

  mayPublish({ namespace, room, identity }: SayRequest): boolean {
    const { publish } = this.#rules.ruleOf(room, namespace);
    if (publish === "members") return true;
    return publish !== "none" && identity.grants?.mayPublish(roomLabel(room, namespace)) === true;
  }

  lostRooms({ namespace, rooms, identity: earlier, id }: Connection, identity: Identity): readonly string[] {
    return Array.from(rooms, ({ name }) => name)
      .filter((name) => name !== undefined)
      .filter((room) => {
        const wasOpen = room !== id && this.isOpenTo({ namespace, room, identity: earlier });
        return wasOpen && !this.isOpenTo({ namespace, room, identity });
      });
  }

  /** Is the room open to the visitor for who it is, whatever secret it shows? */
  isOpenTo({ namespace, room, identity }: SayRequest): boolean {
    const ways = this.#rules.ruleOf(room, namespace).join;
    const isGranted = (): boolean => identity.grants?.mayJoin(roomLabel(room, namespace)) === true;
    if (!ways) return opensRoom(identity, room) || isGranted();
    return isAdmittedBy(ways, identity, room) || (ways.includes("token") && isGranted());
  }

  get revocations(): number {
    return this.#revocations.count;
  }

  isRevoked(identity: Identity): boolean {
    return this.#revocations.isRevoked(identity);
  }

  hintIfUnset(space: string): void {
    this.#secrets.hintIfUnset(space);
  }
}
