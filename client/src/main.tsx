import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { applyTheme, readTheme } from "./components/theme";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/layout.css";
import "./styles/table.css";

applyTheme(readTheme());
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
