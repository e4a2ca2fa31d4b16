// Runs the audit suite of the GraphQL-over-HTTP specification against the URL given, and prints its results.
import { auditServer } from "graphql-http";

const results = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
