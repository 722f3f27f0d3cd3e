// The answer to a poll on its way to the client. A small one goes out in one piece; a larger one goes out in pieces,
// so that the session knows whether its client reads, and keeps nothing for one that does not (SEC-06).

/** The kernel takes smaller answers at once. */
const pieceBytes = 64 * 1024;

/** What an answer needs of its session. */
export interface Sending {
  /** The poll that it answers. */
  readonly request: Request;
  /** Keeps its connection open for so long, seconds, while nothing moves. */
  hold(seconds: number): void;
  /** Is it still wanted? Asked between two pieces. */
  isWanted(): boolean;
  /** The client took another piece. */
  progressed(): void;
  /** All of it was handed to the kernel. */
  sent(): void;
  /** The connection ended. After `sent` it means nothing. */
  lost(): void;
}

/** A client that takes nothing of its answer for this long is gone, seconds. */
const stallSeconds = 10;

/** @returns the body of the response. */
export function bodyOf(body: string | Buffer<ArrayBuffer>, sending: Sending): BodyInit {
  if (Buffer.byteLength(body) <= pieceBytes) {
    sending.sent();
    return body;
  }
  const { signal } = sending.request;
  if (signal.aborted) {
    sending.lost();
    return "";
  }
  sending.hold(stallSeconds);
  // Also before Bun asks for the first piece.
  signal.addEventListener("abort", () => {
    sending.lost();
  });
  return piecesOf(Buffer.from(body), sending);
}

/** Bun asks for the next piece when the kernel has the one before. */
function piecesOf(bytes: Buffer<ArrayBuffer>, sending: Sending): ReadableStream<Uint8Array> {
  let rest = bytes;
  let isFirst = true;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> | undefined => {
    if (!isFirst) sending.progressed();
    isFirst = false;
    if (rest.length === 0) {
      controller.close();
      sending.sent();
      return undefined;
    }
    if (!sending.isWanted()) {
      // Not closed: Bun cuts the connection, and the client sees that the answer is not complete.
      rest = Buffer.alloc(0);
      sending.hold(1);
      return new Promise(() => undefined);
    }
    controller.enqueue(rest.subarray(0, pieceBytes));
    rest = rest.subarray(pieceBytes);
    return undefined;
  };
  return new ReadableStream({ pull }, { highWaterMark: 0 });
}
