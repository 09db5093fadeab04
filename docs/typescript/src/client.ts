/** A typed client of the fairpool API: openapi-fetch on the generated schema, with a session that renews itself. */

import createFetchClient, { type Client } from "openapi-fetch";
import type { PlaceBet, PlacedBet, Problem, paths } from "./schema.ts";

export type * from "./schema.ts";

/** `api.GET("/api/me")`: typed by path and method. */
export type Api = Client<paths>;

const TRIES = 4;

/** What signing up, logging in and refreshing answer with: keep it where the platform keeps secrets. */
export interface Tokens {
  /** An access token, or an API key. */
  token: string;
  /** An API key has none. */
  refresh_token?: string;
}

export interface SessionOptions {
  /** Those kept from last time, or `{ token: apiKey }`. */
  tokens?: Tokens;
  /** Called with new tokens to be kept, and with none as soon as one must log in again. */
  changed?: (tokens: Tokens | undefined) => void;
  /** In place of the global one: `expo/fetch` in React Native, whose own cannot stream. */
  fetch?: (request: Request) => Promise<Response>;
}

/** Who is signed in, and where. Any number of requests may be under way: they refresh the token once for all. */
export class Session {
  readonly baseUrl: string;
  #tokens: Tokens | undefined;
  #changed: (tokens: Tokens | undefined) => void;
  #fetch: (request: Request) => Promise<Response>;
  #refreshing: Promise<void> | undefined;

  constructor(baseUrl: string, options: SessionOptions = {}) {
    this.baseUrl = baseUrl.replace(/\/$/, "");
    this.#tokens = options.tokens;
    this.#changed = options.changed ?? (() => {});
    this.#fetch = options.fetch ?? ((request) => fetch(request));
  }

  /** Take on the tokens of a sign-up or log-in; none to forget them. */
  use(tokens: Tokens | undefined): void {
    this.#tokens = tokens;
    this.#changed(tokens);
  }

  /** Send a request as whoever is signed in. Where the token has expired, refresh it and send the request again. */
  fetch = async (request: Request): Promise<Response> => {
    const tokens = this.#tokens;
    const again = request.clone();
    const response = await this.#fetch(signed(request, tokens));
    if (tokens?.refresh_token === undefined || (await codeOf(response)) !== "unauthenticated") {
      return response;
    }
    if (this.#tokens === tokens) {
      this.#refreshing ??= this.#refresh(tokens.refresh_token).finally(() => (this.#refreshing = undefined));
      await this.#refreshing;
    }
    return this.#tokens === undefined ? response : this.#fetch(signed(again, this.#tokens));
  };

  async #refresh(refreshToken: string): Promise<void> {
    const response = await this.#fetch(
      new Request(`${this.baseUrl}/api/auth/refresh`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ refresh_token: refreshToken }),
      }),
    );
    if (response.ok) {
      this.use((await response.json()) as Tokens);
    } else if (response.status === 401) {
      this.use(undefined);
    } else {
      throw await errorOf(response);
    }
  }
}

/** Return a client that asks as whoever is signed in. */
export function createClient(session: Session): Api {
  return createFetchClient<paths>({ baseUrl: session.baseUrl, fetch: session.fetch });
}

/** An answer that is a problem (RFC 9457). Branch on `code`; the message is for developers. */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(`${problem.code}: ${problem.detail} (request ${problem.request_id})`);
    this.name = "ProblemError";
    this.problem = problem;
  }

  get code(): Problem["code"] {
    return this.problem.code;
  }
}

/** Return the data of an answer; throws a ProblemError for a problem. */
export function dataOf<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.response.ok) {
    return answer.data as T;
  }
  throw problemOr(answer.error, answer.response);
}

/** Return what a failed response says as an Error: a ProblemError, unless it came from something in between. */
export async function errorOf(response: Response): Promise<Error> {
  return problemOr(await response.json().catch(() => undefined), response);
}

/** Return a new Idempotency-Key. Keep it for every retry of the same request. */
export function newKey(): string {
  return crypto.randomUUID();
}

/** Place a bet once, however often the connection breaks: it is sent again with the same key. */
export async function placeBet(api: Api, body: PlaceBet, key: string = newKey()): Promise<PlacedBet> {
  for (let tries = 1; ; tries++) {
    try {
      const answer = await api.POST("/api/bets", { params: { header: { "Idempotency-Key": key } }, body });
      if (answer.response.status !== 503 || tries === TRIES) {
        return dataOf(answer) as PlacedBet;
      }
    } catch (error) {
      // What fetch throws where no answer came: the bet may be placed or not.
      if (!(error instanceof TypeError) || tries === TRIES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** tries));
  }
}

function signed(request: Request, tokens: Tokens | undefined): Request {
  if (tokens !== undefined) {
    request.headers.set("Authorization", `Bearer ${tokens.token}`);
  }
  return request;
}

async function codeOf(response: Response): Promise<string | undefined> {
  if (response.status !== 401) {
    return undefined;
  }
  const error = await errorOf(response.clone());
  return error instanceof ProblemError ? error.code : undefined;
}

function problemOr(body: unknown, response: Response): Error {
  if (typeof body === "object" && body !== null && "code" in body && "request_id" in body) {
    return new ProblemError(body as Problem);
  }
  return new Error(`${response.url} answered ${response.status}`);
}
