// Orders of backends, as the tape keeps them beside publications: a client that was away while a backend took it out of a
// room, or put it into one, must not come back to the rooms that it had before. An order is kept as a publication to what
// it names, in a namespace of its own, which no client is in.

import type { Command, Publication, Target } from "./publication.ts";

/** The namespace under which the orders about a namespace's clients are kept. No client can ask for it: it begins with no `/`. */
export function ordersOf(namespace: string): string {
  return `orders ${namespace}`;
}

/** An order, as something that the tape can keep. */
export function keptOrder(command: Command): Publication {
  const { namespace, rooms, except, skip } = targetOf(command);
  const named = "rooms" in command ? command.rooms : [];
  return {
    kind: "publication",
    namespace: ordersOf(namespace),
    rooms,
    except,
    skip,
    event: command.kind,
    args: named.map((room) => JSON.stringify(room)),
    attachments: [],
    volatile: false,
  };
}

/** A client that is away: its id, the rooms that it had. */
export interface Absent {
  readonly sid: string;
  readonly rooms: ReadonlySet<string>;
}

/** Would the order have changed something for the client? It is kept for a room or an id of the client, or for everyone. */
export function isChangedBy({ event, args, except, skip }: Publication, { sid, rooms }: Absent): boolean {
  const isNamed = (name: string): boolean => name === sid || rooms.has(name);
  if (except.some(isNamed) || skip.includes(sid)) return false;
  const named = args.map((arg) => String(JSON.parse(arg)));
  if (event === "join") return !named.every((room) => rooms.has(room));
  if (event === "leave") return named.some((room) => rooms.has(room));
  return true; // disconnect, close-room
}

function targetOf(command: Command): Target {
  if (command.kind === "close-room") {
    return { namespace: command.namespace, rooms: [command.room], except: [], skip: [] };
  }
  const { target } = command;
  if (!("id" in target)) return target;
  return { namespace: target.namespace, rooms: [target.id], except: [], skip: [] };
}
