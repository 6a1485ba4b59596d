// The grpc-go subject of the benchmarks: the same work as bench/child.mjs and bench/scenarios/grpc.mjs, in one program for both
// roles. Messages are the well-known wrappers, which are the same bytes on the wire as those of bench.proto, so that no code
// has to be generated.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"
)

// task is what the harness asks for, as the only argument; see Task in bench/types.d.ts.
type task struct {
	Role     string         `json:"role"`
	Ports    map[string]int `json:"ports"`
	Scenario string         `json:"scenario"`
	WarmUpMs int            `json:"warmUpMs"`
	WindowMs int            `json:"windowMs"`
	LimitMs  int            `json:"limitMs"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("error: one argument is needed, the task as JSON")
	}
	var task task
	if err := json.Unmarshal([]byte(os.Args[1]), &task); err != nil {
		log.Fatalf("error: the task is not JSON: %v", err)
	}
	time.AfterFunc(time.Duration(task.LimitMs)*time.Millisecond, func() {
		log.Fatalf("error: %s ended after its limit of %d ms", task.Role, task.LimitMs)
	})
	go exitWithStdin()
	if err := perform(task); err != nil {
		log.Fatalf("error: %v", err)
	}
}

func perform(task task) error {
	switch task.Role {
	case "server":
		return serve(func(port int) { say(map[string]any{"port": port}) })
	case "client":
		result, err := measure(task)
		if err == nil {
			say(result)
		}
		return err
	default:
		return fmt.Errorf("unknown role %q", task.Role)
	}
}

func exitWithStdin() {
	stdin := bufio.NewReader(os.Stdin)
	for {
		if _, err := stdin.ReadString('\n'); err != nil {
			os.Exit(0)
		}
	}
}

func say(message any) {
	if err := json.NewEncoder(os.Stdout).Encode(message); err != nil {
		log.Fatalf("error: %v", err)
	}
}
