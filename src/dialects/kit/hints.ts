// What every dialect says about handshakes that cannot work, for the person who reads the log: silence on the page has a
// reason, and the reason has a remedy. Each is said once a minute at most, because anyone can knock.

import type { Exchange } from "../../server/route.ts";
import type { Observe } from "../../core/observe.ts";

/** What browsers send: scheme, host and port, or `null`. Anything else is no Origin of a page, and is not written down. */
const originForm = /^(?:null|[a-z][a-z0-9+.-]{0,30}:\/\/[a-z0-9._:[\]-]{0,260})$/i;

/** A page with an Origin that is not among the listener's was refused (EIO-18, W4R-16). */
export function hintAtOrigin(
  observe: Pick<Observe, "hint">,
  dialect: string,
  { origin = "" }: Pick<Exchange, "origin">,
): void {
  const shown = originForm.test(origin) ? origin : "another site";
  const text =
    `A page of ${shown} was refused: its Origin is neither in the listener's \`origins\` (--cors, BELFRY_ORIGINS) nor the` +
    " gateway's own. List it exactly so. Behind a proxy, pass the site's Host on (nginx: proxy_set_header Host $host), or" +
    " send X-Forwarded-Host and list the proxy in `trustedProxies`";
  observe.hint("origin_refused", { about: dialect, fields: { dialect, origin: shown, text } });
}

/** A websocket handshake came as a plain request: something on its way took the headers that make it one. */
export function hintAtUpgrade(observe: Pick<Observe, "hint">, dialect: string): void {
  const text =
    "A websocket handshake came without `Upgrade: websocket`: the proxy before the gateway takes it away. nginx needs" +
    ' `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`';
  observe.hint("upgrade_missing", { about: dialect, fields: { dialect, text } });
}

/** Was it a websocket handshake before a proxy took its hop-by-hop headers away? No page sends these otherwise. */
export function hasLostUpgrade({ headers }: Request): boolean {
  return headers.has("sec-websocket-key") || headers.has("sec-websocket-version");
}
