// Answers of the ws-hub dialect over HTTP: fixed sentences that repeat nothing of a request (SEC-05).

const fixedHeaders = { "x-content-type-options": "nosniff", "cache-control": "no-store" } as const;

export function textAnswer(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const all = { ...fixedHeaders, "content-type": "text/plain; charset=utf-8", ...headers };
  return new Response(text, { status, headers: all });
}

export function jsonAnswer(value: unknown): Response {
  const headers = { ...fixedHeaders, "content-type": "application/json" };
  return new Response(JSON.stringify(value), { headers });
}
