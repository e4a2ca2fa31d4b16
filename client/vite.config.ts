import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Vite inlines small files as data: URLs, which the console's Content-Security-Policy refuses; so none are.
export default defineConfig({
  base: "/console/",
  plugins: [react()],
  build: { target: "es2023", assetsInlineLimit: 0, modulePreload: { polyfill: false }, sourcemap: false },
  server: { proxy: { "/graphql": "http://127.0.0.1:8000" } },
});
