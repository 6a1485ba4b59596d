package main

import (
	"context"
	"errors"
	"io"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const servicePath = "/trunkline.bench.v1.BenchService/"

var pingPongDesc = grpc.StreamDesc{StreamName: "PingPong", Handler: pingPong, ServerStreams: true, ClientStreams: true}
var uploadDesc = grpc.StreamDesc{StreamName: "Upload", Handler: receiveUpload, ClientStreams: true}

var benchService = grpc.ServiceDesc{
	ServiceName: "trunkline.bench.v1.BenchService",
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Echo", Handler: echo}},
	Streams:     []grpc.StreamDesc{pingPongDesc, uploadDesc},
}

func serve(listening func(port int)) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	server.RegisterService(&benchService, nil)
	listening(listener.Addr().(*net.TCPAddr).Port)
	return server.Serve(listener)
}

func echo(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	message := new(wrapperspb.BytesValue)
	if err := decode(message); err != nil {
		return nil, err
	}
	return message, nil
}

func pingPong(_ any, stream grpc.ServerStream) error {
	for {
		message := new(wrapperspb.BytesValue)
		if err := stream.RecvMsg(message); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(message); err != nil {
			return err
		}
	}
}

func receiveUpload(_ any, stream grpc.ServerStream) error {
	var bytes uint64
	for {
		message := new(wrapperspb.BytesValue)
		if err := stream.RecvMsg(message); errors.Is(err, io.EOF) {
			return stream.SendMsg(wrapperspb.UInt64(bytes))
		} else if err != nil {
			return err
		}
		bytes += uint64(len(message.GetValue()))
	}
}
