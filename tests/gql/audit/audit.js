// Runs the audit suite of the GraphQL-over-HTTP specification against the URL given, with the token if there is one, and
// prints its results.
import { auditServer } from "graphql-http";

const [url, token] = process.argv.slice(2);
const ask = (input, init = {}) =>
  fetch(input, { ...init, headers: { ...init.headers, ...(token ? { authorization: `Bearer ${token}` } : {}) } });
const results = await auditServer({ url, fetchFn: ask });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
