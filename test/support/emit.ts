// The posts by which backends publish over HTTP: `/emit` of Socket.IO, `/api/publish` of Belfry's own.

type Fields = Readonly<Record<string, unknown>>;

export interface EmitAnswer {
  readonly status: number;
  readonly text: string;
}

/** Publishes, and is told what became of it. @param fields the body: `event`, `room`, `data`, `secret` */
export async function postEmit(url: string, fields: Fields): Promise<EmitAnswer> {
  const answer = await fetch(`${url}/emit`, { method: "POST", body: JSON.stringify(fields) });
  return { status: answer.status, text: await answer.text() };
}

/** Publishes what the gateway has to take. */
export async function emit(url: string, fields: Fields): Promise<void> {
  const { status, text } = await postEmit(url, fields);
  if (status !== 200) throw new Error(`Expected 200 of POST /emit, got ${status}: ${text}`);
}

/** Publishes by `POST /api/publish` what the gateway has to take. @returns what became of it */
export async function apiPublish(
  url: string,
  secret: string,
  fields: Fields,
): Promise<{ readonly delivered?: number; readonly stored?: string }> {
  const headers = { authorization: `Bearer ${secret}` };
  const answer = await fetch(`${url}/api/publish`, { method: "POST", headers, body: JSON.stringify(fields) });
  if (answer.status === 200) return (await answer.json()) as object;
  throw new Error(`Expected 200 of POST /api/publish, got ${answer.status}: ${await answer.text()}`);
}
