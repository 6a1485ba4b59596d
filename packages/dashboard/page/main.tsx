/** The dashboard's page. */
import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { App } from "./app.tsx";
import { stayConnected } from "./connection.ts";
import { listenForKeys } from "./keyboard.ts";

listenForKeys();
const page = document.getElementById("page");
if (page !== null) render(<App />, page);
void stayConnected();
