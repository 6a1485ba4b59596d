package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// measurement is what was done in how long; see Measurement in bench/types.d.ts.
type measurement struct {
	Amount    int     `json:"amount"`
	ElapsedMs float64 `json:"elapsedMs"`
}

type scenario func(connection *grpc.ClientConn, window time.Duration) (measurement, error)

var smallPayload = []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
var largePayload = bytes.Repeat([]byte{0x5a}, 65_536)

var scenarios = map[string]scenario{
	"unary-1":            unary(1),
	"unary-100":          unary(100),
	"ping-pong":          measurePingPong,
	"small-messages":     upload(smallPayload, 1),
	"64k-messages-roomy": upload(make([]byte, 65_536), 65_536),
	"64k-messages":       upload(largePayload, len(largePayload)),
	"long-way-1":         upload(largePayload, len(largePayload)),
	"long-way-16":        side(16, upload(largePayload, len(largePayload))),
}

// side does the same several times at once on one connection.
func side(times int, each scenario) scenario {
	return func(connection *grpc.ClientConn, window time.Duration) (measurement, error) {
		var amount atomic.Int64
		var wait sync.WaitGroup
		failures := make(chan error, times)
		start := time.Now()
		for range times {
			wait.Go(func() {
				result, err := each(connection, window)
				if err != nil {
					failures <- err
					return
				}
				amount.Add(int64(result.Amount))
			})
		}
		wait.Wait()
		result := done(int(amount.Load()), start)
		close(failures)
		return result, <-failures
	}
}

func measure(task task) (measurement, error) {
	run, known := scenarios[task.Scenario]
	if !known {
		return measurement{}, fmt.Errorf("unknown scenario %q", task.Scenario)
	}
	target := fmt.Sprintf("passthrough:///127.0.0.1:%d", task.Ports["server"])
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return measurement{}, err
	}
	defer connection.Close()
	if _, err := run(connection, time.Duration(task.WarmUpMs)*time.Millisecond); err != nil {
		return measurement{}, err
	}
	say(map[string]any{"warm": true})
	return run(connection, time.Duration(task.WindowMs)*time.Millisecond)
}

func unary(inFlight int) scenario {
	return side(inFlight, callsInTurn)
}

func callsInTurn(connection *grpc.ClientConn, window time.Duration) (measurement, error) {
	calls := 0
	start := time.Now()
	for time.Since(start) < window {
		if err := call(connection); err != nil {
			return measurement{}, err
		}
		calls++
	}
	return done(calls, start), nil
}

func call(connection *grpc.ClientConn) error {
	answer := new(wrapperspb.BytesValue)
	if err := connection.Invoke(context.Background(), servicePath+"Echo", wrapperspb.Bytes(smallPayload), answer); err != nil {
		return err
	}
	return check(answer)
}

func measurePingPong(connection *grpc.ClientConn, window time.Duration) (measurement, error) {
	stream, err := connection.NewStream(context.Background(), &pingPongDesc, servicePath+"PingPong")
	if err != nil {
		return measurement{}, err
	}
	if err := roundTrip(stream); err != nil {
		return measurement{}, err
	}
	start := time.Now()
	roundTrips := 0
	for time.Since(start) < window {
		if err := roundTrip(stream); err != nil {
			return measurement{}, err
		}
		roundTrips++
	}
	result := done(roundTrips, start)
	if err := stream.CloseSend(); err != nil {
		return measurement{}, err
	}
	if err := stream.RecvMsg(new(wrapperspb.BytesValue)); !errors.Is(err, io.EOF) {
		return measurement{}, fmt.Errorf("the stream did not end well: %w", err)
	}
	return result, nil
}

func roundTrip(stream grpc.ClientStream) error {
	if err := stream.SendMsg(wrapperspb.Bytes(smallPayload)); err != nil {
		return err
	}
	answer := new(wrapperspb.BytesValue)
	if err := stream.RecvMsg(answer); err != nil {
		return err
	}
	return check(answer)
}

// upload measures from the first message to the server's word that all have arrived.
func upload(payload []byte, amountPerMessage int) scenario {
	return func(connection *grpc.ClientConn, window time.Duration) (measurement, error) {
		start := time.Now()
		stream, err := connection.NewStream(context.Background(), &uploadDesc, servicePath+"Upload")
		if err != nil {
			return measurement{}, err
		}
		sent := 0
		// The clock is read at every 32nd message only, as in bench/scenarios/timer.mjs.
		for sent%32 != 0 || time.Since(start) < window {
			if err := stream.SendMsg(wrapperspb.Bytes(payload)); err != nil {
				return measurement{}, err
			}
			sent++
		}
		if err := stream.CloseSend(); err != nil {
			return measurement{}, err
		}
		received := new(wrapperspb.UInt64Value)
		if err := stream.RecvMsg(received); err != nil {
			return measurement{}, err
		}
		result := done(sent*amountPerMessage, start)
		if want := uint64(sent * len(payload)); received.GetValue() != want {
			return measurement{}, fmt.Errorf("of %d bytes sent %d arrived", want, received.GetValue())
		}
		return result, nil
	}
}

func done(amount int, start time.Time) measurement {
	return measurement{Amount: amount, ElapsedMs: float64(time.Since(start)) / float64(time.Millisecond)}
}

func check(answer *wrapperspb.BytesValue) error {
	if !bytes.Equal(answer.GetValue(), smallPayload) {
		return errors.New("the answer is not what was sent")
	}
	return nil
}
