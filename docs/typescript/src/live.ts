/** A week's live events over fetch, which unlike EventSource can send a token. Broken connections go on by themselves. */

import { createParser, type EventSourceMessage } from "eventsource-parser";
import { errorOf, type LiveEvent, type Session } from "./client.ts";

export interface LiveOptions {
  /** What to hear of; all that applies, if it is left out. */
  topics?: ("standings" | "balance" | "quotes" | "settlements")[];
  /** The id of the last event that was seen: the stream goes on right behind it. */
  lastEventId?: string;
  /** Ends the stream. */
  signal?: AbortSignal;
}

const LONGEST_WAIT = 30_000;

/**
 * Yield a week's events for as long as they are read: `for await (const { event, data } of live(session, "current"))`.
 *
 * No event is left out or comes twice, but for standings, which each connection begins with; a `reset` says that the
 * reads must be made anew. Throws a ProblemError where the stream is refused.
 */
export async function* live(session: Session, week: string, options: LiveOptions = {}): AsyncGenerator<LiveEvent> {
  const { topics, signal } = options;
  const url = `${session.baseUrl}/api/weeks/${week}/live${topics ? `?topics=${topics.join(",")}` : ""}`;
  const received: EventSourceMessage[] = [];
  let lastEventId = options.lastEventId;
  let wait = 1_000;
  let failures = 0;
  for (;;) {
    const parser = createParser({
      onEvent: (event) => received.push(event),
      onId: (id) => (lastEventId = id),
      onRetry: (milliseconds) => (wait = milliseconds),
    });
    try {
      for await (const text of textOf(session, url, lastEventId, signal)) {
        failures = 0;
        parser.feed(text);
        for (const { id, event, data } of received.splice(0)) {
          yield { id, event, data: JSON.parse(data) } as LiveEvent;
        }
      }
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    }
    if (signal?.aborted) return;
    await pause(Math.min(wait * 2 ** failures++, LONGEST_WAIT), signal);
  }
}

/** The connection broke, or the service has no time at the moment: worth another try. */
class ConnectionLost extends Error {}

/** Yield what a stream sends until it ends. Throws ConnectionLost, or what the service refuses the stream with. */
async function* textOf(
  session: Session,
  url: string,
  lastEventId: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const headers = { Accept: "text/event-stream", ...(lastEventId && { "Last-Event-ID": lastEventId }) };
  const response = await session.fetch(new Request(url, { headers, signal: signal ?? null })).catch(lost);
  if (response.status === 429 || response.status >= 500) {
    throw new ConnectionLost(`${url} answered ${response.status}`);
  }
  if (!response.ok || response.body === null) {
    throw await errorOf(response);
  }
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(lost);
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    // Whoever stops reading closes the connection.
    await reader.cancel().catch(() => undefined);
  }
}

function lost(cause: unknown): never {
  throw new ConnectionLost("the connection broke", { cause });
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
