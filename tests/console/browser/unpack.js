// Unpacks Chromium and what it may lack into the folder named by TMPDIR, and prints the browser's path.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import chromium from "@sparticuz/chromium";

chromium.setGraphicsMode = false;
const path = await chromium.executablePath();
const libraries = join(process.env.TMPDIR, "libraries");
mkdirSync(libraries, { recursive: true });
const packed = new URL("../bin/al2023.tar.br", import.meta.resolve("@sparticuz/chromium"));
const archive = join(libraries, "libraries.tar");
writeFileSync(archive, brotliDecompressSync(readFileSync(fileURLToPath(packed))));
execFileSync("tar", ["-xf", archive, "-C", libraries]);
console.log(path);
