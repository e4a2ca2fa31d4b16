// Runs the usual clients against the URL given: each watches a run to its end, sends queries, and loses its token.
// Prints a line when all are watching, and the results as one line of JSON at the end.
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import { createHash } from "node:crypto";
import WebSocket from "ws";

const [, , url, token, admin, revocable, id] = process.argv;
const QUERY = "{ integrations { totalCount } }";
const WATCH = "subscription Watch($id: ID!) { backfillProgress(id: $id) { id status } }";
const variables = { id };

const authorize = (given) => ({ Authorization: `Bearer ${given}` });
const connectWs = (given, on) =>
  createWsClient({
    url: url.replace("http", "ws"),
    webSocketImpl: WebSocket,
    connectionParams: authorize(given),
    retryAttempts: 0,
    on,
  });
const connectSse = (given) => createSseClient({ url, headers: authorize(given), retryAttempts: 0 });

// Every watcher resolves to the statuses that it saw, in order.
let watching = 0;
const watch = (start) =>
  new Promise((resolve, reject) => {
    const seen = [];
    start({
      next: ({ data, errors, error, hasNext }) => {
        if (errors || error) return reject(new Error(JSON.stringify(errors ?? error.message)));
        // urql tells the end by giving the last result once more.
        if (hasNext === false) return seen.push("complete");
        seen.push(data.backfillProgress.status);
        if (seen.length === 1) watching += 1;
        if (data.backfillProgress.status === "SUCCEEDED") setTimeout(() => resolve(seen), 50);
      },
      error: reject,
      complete: () => seen.push("complete"),
    });
  });

const ws = connectWs(token);
const sse = connectSse(token);
const fetchOptions = { headers: authorize(token) };
const urql = new Client({ url, exchanges: [fetchExchange], fetchSubscriptions: true, fetchOptions });
const urqlWs = new Client({
  url,
  exchanges: [
    subscriptionExchange({
      forwardSubscription: (request) => ({
        subscribe: (sink) => ({ unsubscribe: ws.subscribe({ ...request, query: request.query ?? "" }, sink) }),
      }),
    }),
  ],
});
const apollo = (link) => new ApolloClient({ link, cache: new InMemoryCache() });
const apolloWs = apollo(new GraphQLWsLink(ws));
const apolloHttp = apollo(new HttpLink({ uri: url, headers: authorize(token) }));

const sent = [];
const persisted = apollo(
  ApolloLink.from([
    new PersistedQueryLink({ sha256: async (text) => createHash("sha256").update(text).digest("hex") }),
    new HttpLink({
      uri: url,
      headers: authorize(token),
      fetch: (uri, options) => {
        sent.push("query" in JSON.parse(options.body) ? "text" : "hash");
        return fetch(uri, options);
      },
    }),
  ]),
);
const persist = async () => {
  for (let turn = 0; turn < 2; turn += 1) {
    await persisted.query({ query: gql(QUERY), fetchPolicy: "network-only" });
  }
  return sent;
};

const once = (client) =>
  new Promise((resolve, reject) => {
    let answer;
    client.subscribe(
      { query: QUERY },
      { next: (result) => (answer = result), error: reject, complete: () => resolve(answer.data) },
    );
  });
const strip = ({ data, error }) => (error ? { error: error.message } : data.integrations.totalCount);

// A token that ends by itself is made when everything is loaded, so that all watch before that.
const made = await fetch(url, {
  method: "POST",
  headers: { ...authorize(admin), "Content-Type": "application/json" },
  body: JSON.stringify({
    query: "mutation ($input: CreateTokenInput!) { createToken(input: $input) { token } }",
    variables: {
      input: { name: "brief", permissions: ["backfill:run"], expiresAt: new Date(Date.now() + 6000).toISOString() },
    },
  }),
});
const expiring = (await made.json()).data.createToken.token;

// What each client says when the token under its subscription ends.
const lose = {
  "graphql-ws": (given) =>
    new Promise((resolve) => {
      const client = connectWs(given, { closed: ({ code, reason }) => resolve([code, reason]) });
      const sink = { next: () => (watching += 1), error: () => {}, complete: () => {} };
      client.subscribe({ query: WATCH, variables }, sink);
    }),
  "graphql-sse": (given) =>
    new Promise((resolve, reject) => {
      const seen = [];
      connectSse(given).subscribe(
        { query: WATCH, variables },
        {
          next: ({ errors }) => (errors ? seen.push(errors[0].extensions.code) : (watching += 1)),
          error: reject,
          complete: () => resolve([...seen, "complete"]),
        },
      );
    }),
  "urql over events": (given) =>
    new Promise((resolve) => {
      const headers = authorize(given);
      const client = new Client({
        url,
        exchanges: [fetchExchange],
        fetchSubscriptions: true,
        fetchOptions: { headers },
      });
      client.subscription(WATCH, variables).subscribe(({ error }) => {
        if (error) return resolve(error.graphQLErrors.map(({ extensions }) => extensions.code));
        watching += 1;
      });
    }),
  "apollo over graphql-ws": (given) =>
    new Promise((resolve) => {
      const client = apollo(new GraphQLWsLink(connectWs(given)));
      client.subscribe({ query: gql(WATCH), variables }).subscribe({
        next: ({ error }) => (error ? resolve(error.message) : (watching += 1)),
        error: (error) => resolve(error.message),
      });
    }),
};
const loseAll = (given) =>
  Promise.all(Object.entries(lose).map(async ([name, start]) => [name, await start(given)])).then(Object.fromEntries);

const document = gql(WATCH);
const results = {
  "graphql-ws": watch((sink) => ws.subscribe({ query: WATCH, variables }, sink)),
  "graphql-sse": watch((sink) => sse.subscribe({ query: WATCH, variables }, sink)),
  "urql over events": watch(({ next }) => urql.subscription(WATCH, variables).subscribe(next)),
  "urql over graphql-ws": watch(({ next }) => urqlWs.subscription(WATCH, variables).subscribe(next)),
  "apollo over graphql-ws": watch((sink) => apolloWs.subscribe({ query: document, variables }).subscribe(sink)),
  "urql's query": urql.query(QUERY, {}).toPromise().then(strip),
  "urql's query by GET": urql.query(`query ByGet ${QUERY}`, {}, { preferGetMethod: "force" }).toPromise().then(strip),
  "apollo's query": apolloHttp.query({ query: gql(QUERY) }).then(strip),
  "apollo's persisted query": persist(),
  "graphql-ws's query": once(ws),
  "graphql-sse's query": once(sse),
  "the token is revoked": loseAll(revocable),
  "the token expires": loseAll(expiring),
};
const waiting = setInterval(() => {
  if (watching >= 13) {
    clearInterval(waiting);
    console.log("watching");
  }
}, 10);
const settled = await Promise.all(
  Object.entries(results).map(async ([name, result]) => [name, await result.catch((error) => `failed: ${error}`)]),
);
console.log(JSON.stringify(Object.fromEntries(settled)));
process.exit(0);
