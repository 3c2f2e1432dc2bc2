const express = require("express");

const VERSION = "v1";
const app = express();

app.get("/health", (request, response) => response.send("healthy"));
app.get("/version", (request, response) => response.set("X-App-Version", VERSION).send(VERSION));
app.listen(process.env.PORT);
