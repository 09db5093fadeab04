/**
 * What an app for players does, from the sign-up to a bet that is paid. It needs a service with the sample week
 * (`make run`): `node examples/player.ts http://127.0.0.1:8000`.
 */

import { createClient, dataOf, newKey, placeBet, ProblemError, Session } from "../src/client.ts";
import { live } from "../src/live.ts";

const session = new Session(process.argv[2] ?? "http://127.0.0.1:8000");
const api = createClient(session);

const email = `ann-${newKey()}@example.org`;
const account = dataOf(
  await api.POST("/api/auth/signup", { body: { email, password: "a long enough password", name: "Ann" } }),
);
if (!("token" in account)) {
  throw new Error("this service confirms sign-ups by mail first");
}
session.use(account);

const { week, position } = dataOf(await api.POST("/api/weeks/{week}/entry", { params: { path: { week: "current" } } }));
// `after` makes a read wait until it shows what the position stands for.
const me = dataOf(await api.GET("/api/me", { params: { query: { after: position } } }));
console.log(`${me.user.name} plays ${week} in pool ${me.pool?.name} with ${me.credits?.available} credits`);

const board = dataOf(await api.GET("/api/games", { params: { query: { date: "2024-11-07", include: "markets" } } }));
const [game] = board.data;
const market = game?.markets?.find((each) => each.market === "spread");
const quote = market?.quote;
if (!game || !market || !quote) {
  throw new Error("the board has no spread on Thursday: has the week been played?");
}
for (const { outcome, price, decimal } of quote.prices) {
  console.log(`${game.away} at ${game.home}, ${outcome} (${quote.line}): ${price}, decimal ${decimal}`);
}

const choice = { market_id: market.market_id, odds_id: quote.odds_id, outcome: "away" };
const bet = await placeBet(api, { ...choice, stake: 110 });
console.log(`staked ${bet.stake} to win ${bet.potential_payout}; ${bet.remaining_credits} credits remain`);

try {
  await placeBet(api, { ...choice, stake: 5_000 });
} catch (error) {
  if (!(error instanceof ProblemError) || error.code !== "insufficient_credits") throw error;
  console.log(`refused: ${error.problem.title}`);
}

const statement = dataOf(await api.GET("/api/me/statement"));
for (const { kind, amount, available } of statement.data) {
  console.log(`statement: ${kind} ${amount}, then ${available}`);
}

const events = live(session, week, { topics: ["balance"] });
console.log(`live: ${(await events.next()).value.event}`);
// A service for development lets its players move the clock: Thursday's game is played, and settled.
const moved = api.POST("/api/test-clock", { body: { to: "2024-11-08T06:00:00Z" } }).then(dataOf);
for await (const { event, data } of events) {
  if (event === "bet" && data.bet_id === bet.bet_id && data.status !== "placed") {
    console.log(`live: the bet is ${data.status}, it pays ${data.payout}`);
    break;
  }
}
await moved;

const pool = me.pool?.name ?? "";
const standings = dataOf(
  await api.GET("/api/weeks/{week}/pools/{pool}/leaderboard", { params: { path: { week, pool } } }),
);
const mine = standings.data.find((line) => line.is_me);
console.log(`rank ${mine?.rank} of ${standings.pool.size} with ${mine?.credits} credits`);
dataOf(await api.POST("/api/auth/logout"));
