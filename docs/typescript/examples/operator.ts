/**
 * What an operator's console does: open the next week, hand out a key, and end the week that runs. It needs an
 * operator's account: `node examples/operator.ts http://127.0.0.1:8000 op@example.org 'the password'`.
 */

import { createClient, dataOf, Session } from "../src/client.ts";

const [url = "http://127.0.0.1:8000", email = "", password = ""] = process.argv.slice(2);
const session = new Session(url);
const api = createClient(session);
session.use(dataOf(await api.POST("/api/auth/login", { body: { email, password } })));

const now = { params: { path: { week: "current" } } };
const { week, ends_at } = dataOf(await api.GET("/api/weeks/{week}", now));

const opened = dataOf(
  await api.POST("/api/admin/weeks/{week}/open", {
    params: { path: { week: "next" } },
    body: { rules: { late_entry: true } },
  }),
);
console.log(`${opened.event} at ${opened.position}`);

const { key, scopes } = dataOf(
  await api.POST("/api/admin/keys", { body: { role: "auditor", name: "dashboard", scopes: ["audit"] } }),
);
console.log(`key with the scope ${scopes.join(" and ")}: ${key}`);

const early = await api.POST("/api/admin/weeks/{week}/settle", now);
console.log(`settle now: ${early.error?.code}`);

// A service for development lets its clock be moved: to the end of the week, and of the window for corrections.
const after = new Date(Date.parse(ends_at) + 5 * 24 * 3600 * 1000).toISOString();
dataOf(await api.POST("/api/test-clock", { body: { to: after } }));
const ended = dataOf(await api.GET("/api/weeks/{week}", { params: { path: { week } } }));
console.log(`${week} is ${ended.state}, standings ${ended.standings_hash}`);
