// Writes src/api/generated.ts from ../schema.graphql and the operations in src/**/*.graphql, by graphql-codegen's engine,
// and public/operations.json: the texts that urql sends for them, by SHA-256, which the API trusts.
// `--check` writes nothing and fails where a file differs.
import { createHash } from "node:crypto";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { codegen } from "@graphql-codegen/core";
import * as documentPlugin from "@graphql-codegen/typed-document-node";
import * as operationsPlugin from "@graphql-codegen/typescript-operations";
import { createRequest, formatDocument, stringifyDocument } from "@urql/core";
import { parse } from "graphql";

const filename = "src/api/generated.ts";
const config = {
  scalars: { DateTime: "string", ID: "string", JSON: "unknown" },
  useTypeImports: true,
  strictScalars: true,
  skipTypename: true,
  avoidOptionals: false,
  dedupeFragments: true,
  optimizeDocumentNode: true,
  documentNodeImport: "@urql/core#TypedDocumentNode",
};
const documents = globSync("src/**/*.graphql")
  .sort()
  .map((location) => ({ location, document: parse(readFileSync(location, "utf8"), { noLocation: true }) }));

const output = await codegen({
  schema: parse(readFileSync("../schema.graphql", "utf8")),
  documents,
  filename,
  config,
  plugins: [{ operations: {} }, { documents: {} }],
  pluginMap: { operations: operationsPlugin, documents: documentPlugin },
});
const text = `// Written by \`npm run codegen\` from ../schema.graphql. Not by hand.\n/* eslint-disable */\n${output}`;

function keep(path, wanted) {
  if (!process.argv.includes("--check")) {
    writeFileSync(path, wanted);
  } else if (readFileSync(path, "utf8") !== wanted) {
    console.error(`${path} is not what the schema and the operations make: run \`npm run codegen\``);
    process.exit(1);
  }
}

keep(filename, text);

// With a cache urql asks for __typename, too; plaintext is asked for without one.
const sent = [];
for (const [name, document] of Object.entries(await import(`./${filename}`))) {
  if (!name.endsWith("Document")) continue;
  const { query } = createRequest(document, {});
  sent.push(stringifyDocument(query), stringifyDocument(formatDocument(query)));
}
const listed = sent.map((query) => [createHash("sha256").update(query).digest("hex"), query]).sort();
keep("public/operations.json", `${JSON.stringify(Object.fromEntries(listed), null, 1)}\n`);
