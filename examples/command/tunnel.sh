#!/usr/bin/env bash
# Reaches a local web service through a router, with the three commands that a user would start in three terminals.
# With --json each command writes its events to stdout, one a line, and so says when it is ready.
set -euo pipefail

XDG_RUNTIME_DIR=$(mktemp -d) # the router leaves its endpoint and a token here, where expose and connect look for them
export XDG_RUNTIME_DIR
processes=()

# Ends what was started, the last first: a command that outlives its router says that it cannot reach it.
stop() {
  for ((i = ${#processes[@]} - 1; i >= 0; i--)); do
    kill "${processes[i]}"
    wait "${processes[i]}" || true
  done
  rm -rf "$XDG_RUNTIME_DIR"
}
trap stop EXIT

# Starts a command in the background, waits for its first event of a kind, and puts that event's port into `port`.
start() {
  local kind=$1 output event
  shift
  exec {output}< <(exec "$@") # the descriptor stays open: a command whose reader is gone ends
  processes+=($!)
  while read -r event <&"$output"; do
    if [[ $event == *"\"event\":\"$kind\""* ]]; then
      port=$(sed -E 's/.*"port":([0-9]+).*/\1/' <<<"$event")
      return
    fi
  done
  echo "$1 ended before it was ready" >&2
  return 1
}

service='require("node:http").createServer((request, response) => response.end("hello from the service\n"))
  .listen(0, "127.0.0.1", function () { console.log(JSON.stringify({ event: "ready", port: this.address().port })); })'
start ready node -e "$service"
service_port=$port
start listening trunkline router --listen 127.0.0.1:0 --json
start exposed trunkline expose web "$service_port" --json
start listening trunkline connect web --listen 127.0.0.1:0 --json

get='fetch(process.argv[1]).then((answer) => answer.text()).then((text) => process.stdout.write(text))'
node -e "$get" "http://127.0.0.1:$port/"

# Prints:
# hello from the service
