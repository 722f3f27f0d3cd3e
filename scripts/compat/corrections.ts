// Where Belfry does otherwise than the specification that it was first built from, because real clients and servers showed
// what is right. table.ts puts the list in front of docs/compat.md; the newest word is the one that holds.

/** The ids that it is about, and what is right, in one sentence or two. */
export interface Correction {
  readonly ids: string;
  readonly text: string;
}

export const corrections: readonly Correction[] = [
  {
    ids: "HUB-10, HUB-11, HUB-16",
    text: "`writeWait`, `pongWait` and `maxMessageSize` stand in the section `webSocket:` of WS-HUB's file, and all three hold; at its top they mean the same.",
  },
  {
    ids: "WSC-06, WSC-07",
    text: "Slashes in front of a channel mean nothing: `POST //q/1` is for `q/1`. Over HTTP the empty channel speaks to no one (4xx), `//` and a map with `/` included; in Redis, `websocket:/` is still everyone (WSC-03).",
  },
  {
    ids: "W4R-05",
    text: "What a client said is handed to Redis, to be published and kept, before its close is answered.",
  },
  {
    ids: "W4R-03",
    text: "Under `--as ws4redis` the names of both generations are heard without a setting, as the package's own documentation taught those of 0.1 and 0.2; `current` and `legacy` are choices, and all of SEC-03 holds.",
  },
  {
    ids: "EIO-01",
    text: "`/socket.io/socket.io.js`, `.min.js`, `.esm.min.js` and `.msgpack.min.js` answer the official client (4.8) that Belfry is installed with, as node does, under `--as ws-emit` too: there it was a 400, on which no page can rely. `socketio.serveClient: false` brings the 400 back.",
  },
  {
    ids: "EIO-03",
    text: "A missing `EIO` means 3 while version 3 is allowed, since old phones and boards never send it; otherwise it is refused.",
  },
  {
    ids: "EIO-08, EIO-09",
    text: "The base64 of a client, in version 4 and in the `b4` form of version 3, may hold line breaks, blanks and tabs anywhere and the URL alphabet: clients for Java and Android write it so.",
  },
  {
    ids: "EIO-10",
    text: "A websocket of version 4 may send binary as `b` and base64 in a text frame: official clients with `forceBase64` do.",
  },
  {
    ids: "EIO-09",
    text: "Every answer to a poll of version 3 is in binary form, unless its request has `b64=1` or asks for JSONP: browsers with socket.io-client 1.0 to 1.3.7 read no other. JSON toward version 3 is pure ASCII: 1.0 to 1.7.4 end at any other character.",
  },
  {
    ids: "EIO-21",
    text: "JSONP is answered under `*`, or where `Sec-Fetch-Site` (else `Referer`) says that the page is our own or a listed one: a script comes without an `Origin`, whoever asks for it.",
  },
  {
    ids: "SIO-07, SIO-10, SIO-12",
    text: "As in node, an event whose name is a number is one that nobody knows, an acknowledgement without a payload has no arguments, and one without an id is ignored: neither ends the connection.",
  },
  {
    ids: "PSQ-04",
    text: "Members of more classes are read as the dict, list, tuple, str or int that Python's json module writes for them: those of the standard library and of Flask's own packages in `src/codec/pickle-names.ts` (`defaultdict`, `Counter`, `Markup`, `HTTPStatus`, `MultiDict` with the first value of each key, ...), by their names, calling nothing. What that module refuses (`datetime`, `Decimal`, `UUID`, `deque`, sets) is refused here.",
  },
  {
    ids: "PSQ-03, WSE-25, WSC-06",
    text: "A byte order mark in front of JSON is no part of it, as for Python and .NET. JSON, MessagePack and pickles may nest about a thousand levels deep, as in Python.",
  },
  {
    ids: "PSQ-16",
    text: "The back-off ends at 60 s for a Redis that answers and hangs up again. While no connection gets a first answer, attempts are at most 5 s apart.",
  },
  {
    ids: "EIO-11, EIO-12, EIO-14",
    text: "A deadline holds for whatever comes after it: it is judged when a client says something, not only by the clock that goes round. The official suite of Engine.IO 3 reads a handshake without `b64=1` as text, which EIO-09 rules out: two of its cases cannot pass.",
  },
  {
    ids: "NRE-05",
    text: "In packets of type 2, text that is no UTF-8 goes on with U+FFFD; only those of type 5 are skipped. What msgpack-lite (`socket.io-emitter` 2.0) writes as ext is read: dates as ISO text, typed arrays as binary, other members of classes as what JSON shows of them.",
  },
  {
    ids: "RTE-10",
    text: "HTTP/1.0 needs no `Host` (RFC 9112 asks for it in HTTP/1.1 alone), and `OPTIONS /` says what `/-/health/ready` says: HAProxy's plain `option httpchk` asks so. An answer to `Connection: close` says `Connection: close`.",
  },
  {
    ids: "WSC-01, W4R-01, EIO-01",
    text: "A path with a backslash or a segment of dots, however it is spelled, is refused with 400 before any dialect sees it: a proxy in front would have judged another path. `%2F` and `%5C` are characters of a name as before.",
  },
  {
    ids: "NRE-06, PSQ-12, SIO-11, EIO-14",
    text: "An order to close a client sends `41` for each of its namespaces, then closes: official clients stay away. Without closing, only the one namespace is left; Python's `disconnect` from `/` closes clients of protocol 4, as its servers do. Whatever the reason of a close, a polling client gets what was said before with its next poll, and the end alone in the one after it; a client that does not answer pings is told nothing.",
  },
  {
    ids: "EIO-06, SEC-06",
    text: "An answer to a poll takes a mebibyte, and the frame that passes it; the next poll gets what is left, and waits for an answer that is still on its way. One that the client does not read whole ends the session.",
  },
];
