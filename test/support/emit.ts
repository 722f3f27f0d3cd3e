// `POST /emit`, as backends without Redis publish.

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
