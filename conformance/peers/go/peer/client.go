package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "trunkline/peers/gen"
)

// client gives a function that makes the calls that it is told.
func client(target string) func(*pb.CallSpec) *pb.Outcome {
	limits := grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(largestMessageBytes))
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()), limits)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return func(spec *pb.CallSpec) *pb.Outcome { return call(connection, spec) }
}

func call(connection *grpc.ClientConn, spec *pb.CallSpec) *pb.Outcome {
	outcome := &pb.Outcome{}
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(context.Background(), toMetadata(spec.Metadata)))
	defer cancel()
	if spec.TimeoutMs != 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, time.Duration(spec.TimeoutMs)*time.Millisecond)
		defer stop()
	}
	if spec.CancelAfterMs != 0 {
		timer := time.AfterFunc(time.Duration(spec.CancelAfterMs)*time.Millisecond, cancel)
		defer timer.Stop()
	}
	var options []grpc.CallOption
	if spec.Compress {
		options = append(options, grpc.UseCompressor("gzip"))
	}
	err := run(ctx, cancel, connection, spec, outcome, options)
	if err == nil || err == io.EOF {
		return outcome
	}
	told := status.Convert(err)
	outcome.Code = int32(told.Code())
	outcome.Message = told.Message()
	packed, marshalErr := proto.Marshal(told.Proto())
	rich := &pb.RichStatus{}
	if marshalErr == nil && proto.Unmarshal(packed, rich) == nil {
		outcome.Details = rich.Details
	}
	return outcome
}

func run(ctx context.Context, cancel func(), connection *grpc.ClientConn, spec *pb.CallSpec, outcome *pb.Outcome, options []grpc.CallOption) error {
	path := "/" + pb.Peer_ServiceDesc.ServiceName + "/" + spec.Method
	if spec.Method == "Missing" {
		path = pb.Absent_Missing_FullMethodName
	}
	if spec.Method == "Seen" {
		outcome.Seen = &pb.SeenReply{}
		return connection.Invoke(ctx, path, spec.Requests[0], outcome.Seen, options...)
	}
	received := func(reply *pb.Reply) {
		outcome.Replies = append(outcome.Replies, digested(reply))
		if int32(len(outcome.Replies)) == spec.CancelAfterReplies {
			cancel()
		}
	}
	if spec.Method == "Unary" || spec.Method == "Missing" {
		var header, trailer metadata.MD
		reply := &pb.Reply{}
		err := connection.Invoke(ctx, path, filled(spec.Requests[0]), reply, append(options, grpc.Header(&header), grpc.Trailer(&trailer))...)
		outcome.Initial, outcome.Trailing = toEntries(header), toEntries(trailer)
		if err == nil {
			received(reply)
		}
		return err
	}
	many := spec.Method != "ClientStream"
	desc := &grpc.StreamDesc{ServerStreams: many, ClientStreams: spec.Method != "ServerStream"}
	stream, err := connection.NewStream(ctx, desc, path, options...)
	if err != nil {
		return err
	}
	defer func() {
		outcome.Trailing = toEntries(stream.Trailer())
	}()
	receive := func() error {
		reply := &pb.Reply{}
		err := stream.RecvMsg(reply)
		if header, headerErr := stream.Header(); headerErr == nil {
			outcome.Initial = toEntries(header)
		}
		if err == nil {
			received(reply)
		}
		return err
	}
	send := func() error {
		for _, request := range spec.Requests {
			if err := stream.SendMsg(filled(request)); err != nil {
				return nil // Receiving tells why.
			}
			if !spec.PingPong {
				continue
			}
			if err := receive(); err != nil {
				return err
			}
		}
		return stream.CloseSend()
	}
	if spec.PingPong {
		if err := send(); err != nil {
			return err
		}
	} else {
		go send()
	}
	for {
		if err := receive(); err != nil {
			return err
		}
		if !many {
			return nil
		}
	}
}
