/**
 * What a dashboard or an auditor's script does: it believes nothing, and adds up again. It needs an API key, or an
 * auditor's token: `node examples/auditor.ts http://127.0.0.1:8000 fpk_…`.
 */

import { createHash } from "node:crypto";
import { createClient, dataOf, type MovementShown, Session } from "../src/client.ts";

const [url = "http://127.0.0.1:8000", token = ""] = process.argv.slice(2);
const api = createClient(new Session(url, { tokens: { token } }));

const weeks = dataOf(await api.GET("/api/weeks", { params: { query: { limit: 10 } } }));
for (const { week, state } of weeks.data) {
  const { rules, rules_hash } = dataOf(await api.GET("/api/weeks/{week}/rules", { params: { path: { week } } }));
  const isTrue = createHash("sha256").update(canonical(rules)).digest("hex") === rules_hash;
  console.log(`${week} is ${state}; its rules ${isTrue ? "have" : "DO NOT HAVE"} the hash that players accepted`);
  const pools = dataOf(await api.GET("/api/weeks/{week}/pools", { params: { path: { week } } }));
  for (const pool of pools.data) {
    console.log(`${pool.name}: ${await wrongLines(week, pool.name)} of ${pool.size} balances differ from their statements`);
  }
}

/** Count the lines of a leaderboard whose credits are not the sum of what moved. */
async function wrongLines(week: string, pool: string): Promise<number> {
  const path = { week, pool };
  const standings = dataOf(await api.GET("/api/weeks/{week}/pools/{pool}/leaderboard", { params: { path } }));
  let wrong = 0;
  for (const { entry, credits } of standings.data) {
    const sum = (await movements(week, entry ?? "")).reduce((total, { amount }) => total + amount, 0);
    wrong += Number(sum !== credits);
  }
  return wrong;
}

/** Return all movements of an entry's credits, page by page. */
async function movements(week: string, entry: string): Promise<MovementShown[]> {
  const found: MovementShown[] = [];
  let cursor: string | null = null;
  do {
    const query: { cursor?: string } = cursor === null ? {} : { cursor };
    const page = dataOf(
      await api.GET("/api/weeks/{week}/entries/{entry}/statement", { params: { path: { week, entry }, query } }),
    );
    found.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return found;
}

/** Return the canonical JSON (RFC 8785) of what consists of objects, lists, strings, booleans and whole numbers. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(",")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
