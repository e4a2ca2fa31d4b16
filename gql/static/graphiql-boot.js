// Starts GraphiQL on this service's own endpoint. In a file of its own, so that the page needs no inline script.
(() => {
  const { createElement, createGraphiQLFetcher, createRoot, GraphiQL } = window.GraphiQLBundle;

  // Nothing typed here is kept by the browser: queries may name customers, results may hold revealed secrets.
  const memory = new Map();
  const storage = {
    get length() {
      return memory.size;
    },
    getItem: (key) => memory.get(key) ?? null,
    setItem: (key, value) => void memory.set(key, value),
    removeItem: (key) => void memory.delete(key),
    clear: () => memory.clear(),
  };

  const endpoint = new URL("/graphql", window.location.href);
  const socket = new URL(endpoint);
  socket.protocol = endpoint.protocol === "https:" ? "wss:" : "ws:";

  const fetcher = createGraphiQLFetcher({ url: endpoint.href, subscriptionUrl: socket.href });
  const root = createRoot(document.getElementById("graphiql"));
  root.render(
    createElement(GraphiQL, {
      fetcher,
      storage,
      defaultEditorToolsVisibility: "headers",
      defaultHeaders: '{\n  "Authorization": "Bearer YOUR_TOKEN"\n}',
      defaultQuery: "# Put your token under Headers below,\n# press Re-fetch (bottom left) for the docs,\n# then run:\n{\n  __typename\n}\n",
      isHeadersEditorEnabled: true,
      shouldPersistHeaders: false,
    }),
  );
})();
