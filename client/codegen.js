// Writes src/api/generated.ts from ../schema.graphql and the operations in src/**/*.graphql, by graphql-codegen's engine.
// `--check` writes nothing and fails where the file differs.
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { codegen } from "@graphql-codegen/core";
import * as documentPlugin from "@graphql-codegen/typed-document-node";
import * as operationsPlugin from "@graphql-codegen/typescript-operations";
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

if (process.argv.includes("--check")) {
  if (readFileSync(filename, "utf8") !== text) {
    console.error(`${filename} is not what the schema and the operations make: run \`npm run codegen\``);
    process.exit(1);
  }
} else {
  writeFileSync(filename, text);
}
