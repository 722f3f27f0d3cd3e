// The answer to a poll on its way to the client. What the kernel takes at once goes out in one piece; more goes out in
// pieces, so that the session knows whether its client reads, and nothing is kept for one that does not (SEC-06).

/** Smaller answers are out of our hands when the engine has them. */
const pieceBytes = 64 * 1024;

/** Somebody waits for it to be sent. */
export interface Sending {
  /** What it answers. */
  readonly request: Request;
  /** Keeps its connection open for so long, seconds, while nothing moves. */
  hold(seconds: number): void;
  /** Does anybody still want it? Asked between two pieces. */
  isWanted(): boolean;
  /** The client took another piece. */
  progressed(): void;
  /** All of it is out of our hands. */
  sent(): void;
  /** The connection ended before that, or may have: said again after `sent` it means nothing. */
  lost(): void;
}

/** A client that takes nothing of its answer for this long is gone, seconds. */
const stallSeconds = 10;

/** @returns what to make the response of. */
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
  // Also before the engine asks for the first piece.
  signal.addEventListener("abort", () => {
    sending.lost();
  });
  return piecesOf(Buffer.from(body), sending);
}

/** The engine asks for the next piece when the kernel has the one before. */
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
      // Cut off, and not ended: the engine closes the connection, and the client sees that this is not all.
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
