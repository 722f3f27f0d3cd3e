// Orders of backends, as the tape keeps them beside publications: as a publication to what the order names, in the namespace of
// orders (recovery.ts), which no client is in. A dialect that asks for them reads what they changed.

import type { Order, Publication, Target } from "../core/publication.ts";
import { ordersOf } from "./recovery.ts";

/** An order, as something that the tape can keep: its kind as the event, the rooms that it names as arguments. */
export function keptOrder(order: Order): Publication {
  const { namespace, rooms, except, skip } = targetOf(order);
  const named = "rooms" in order ? order.rooms : [];
  return {
    kind: "publication",
    namespace: ordersOf(namespace),
    rooms,
    except,
    skip,
    event: order.kind,
    args: named.map((room) => JSON.stringify(room)),
    attachments: [],
    volatile: false,
  };
}

function targetOf(order: Order): Target {
  if (order.kind === "close-room") {
    return { namespace: order.namespace, rooms: [order.room], except: [], skip: [] };
  }
  const { target } = order;
  if (!("id" in target)) return target;
  return { namespace: target.namespace, rooms: [target.id], except: [], skip: [] };
}
