// Answer every path with the time, is_alive included.
const http = require("http");

const server = http.createServer((request, response) => {
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ time: new Date().toISOString(), version: process.env.LIFECYCLE_VERSION }) + "\n");
});
server.keepAliveTimeout = 4_000_000; // longer than any load balancer keeps idle connections
server.listen(process.env.PORT, process.env.HOST);

process.on("SIGTERM", () => {
  server.close(() => process.exit(0)); // after the last answer
  server.closeIdleConnections();
});
