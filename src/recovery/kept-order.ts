// Orders of backends, as the tape keeps them beside publications: as a publication to what the order names, in the namespace of
// orders (recovery.ts), which no client is in. A dialect that asks for them reads what they changed.

import type { Command, Publication, Target } from "../core/publication.ts";
import { ordersOf } from "./recovery.ts";

/** An order, as something that the tape can keep: its kind as the event, the rooms that it names as arguments. */
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

function targetOf(command: Command): Target {
  if (command.kind === "close-room") {
    return { namespace: command.namespace, rooms: [command.room], except: [], skip: [] };
  }
  const { target } = command;
  if (!("id" in target)) return target;
  return { namespace: target.namespace, rooms: [target.id], except: [], skip: [] };
}
