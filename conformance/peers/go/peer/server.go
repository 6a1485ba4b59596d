package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "trunkline/peers/gen"
)

type peer struct {
	pb.UnimplementedPeerServer
	mutex     sync.Mutex
	cancelled map[string]int32
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(largestMessageBytes))
	pb.RegisterPeerServer(server, &peer{cancelled: map[string]int32{}})
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	if err := server.Serve(listener); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func begin(ctx context.Context, first *pb.Request) error {
	if first.Compress {
		if err := grpc.SetSendCompressor(ctx, "gzip"); err != nil {
			return err
		}
	}
	if len(first.Initial) == 0 && first.Hang == "" {
		return nil
	}
	return grpc.SendHeader(ctx, toMetadata(first.Initial))
}

func (p *peer) end(ctx context.Context, first *pb.Request) error {
	if first.Hang != "" {
		<-ctx.Done()
		p.mutex.Lock()
		defer p.mutex.Unlock()
		p.cancelled[first.Hang]++
		return status.FromContextError(ctx.Err()).Err()
	}
	if err := grpc.SetTrailer(ctx, toMetadata(first.Trailing)); err != nil {
		return err
	}
	if first.Code == 0 {
		return nil
	}
	packed, err := proto.Marshal(&pb.RichStatus{Code: first.Code, Message: first.Message, Details: first.Details})
	if err != nil {
		return err
	}
	rich := &spb.Status{}
	if err := proto.Unmarshal(packed, rich); err != nil {
		return err
	}
	return status.ErrorProto(rich)
}

func replyTo(ctx context.Context, requests []*pb.Request, count int32) *pb.Reply {
	md, _ := metadata.FromIncomingContext(ctx)
	reply := &pb.Reply{Count: count, Metadata: toEntries(md), TimeoutMs: -1}
	if deadline, ok := ctx.Deadline(); ok {
		reply.TimeoutMs = int32(time.Until(deadline).Milliseconds())
	}
	hash := sha256.New()
	for _, request := range requests {
		reply.Text += request.Text
		reply.RequestBytes += int32(len(request.Payload))
		hash.Write(request.Payload)
	}
	reply.RequestSha256 = hex.EncodeToString(hash.Sum(nil))
	if len(requests) > 0 {
		reply.Payload = pattern(requests[0].ReplyBytes)
	}
	return reply
}

func (p *peer) Unary(ctx context.Context, request *pb.Request) (*pb.Reply, error) {
	if err := begin(ctx, request); err != nil {
		return nil, err
	}
	if err := p.end(ctx, request); err != nil {
		return nil, err
	}
	return replyTo(ctx, []*pb.Request{request}, 0), nil
}

func (p *peer) ServerStream(request *pb.Request, stream grpc.ServerStreamingServer[pb.Reply]) error {
	if err := begin(stream.Context(), request); err != nil {
		return err
	}
	for count := range request.Replies {
		if err := stream.Send(replyTo(stream.Context(), []*pb.Request{request}, count)); err != nil {
			return err
		}
	}
	return p.end(stream.Context(), request)
}

func (p *peer) ClientStream(stream grpc.ClientStreamingServer[pb.Request, pb.Reply]) error {
	var all []*pb.Request
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		all = append(all, request)
		if len(all) == 1 {
			if err := begin(stream.Context(), request); err != nil {
				return err
			}
		}
		if request.Hang != "" {
			return p.end(stream.Context(), request)
		}
	}
	if len(all) > 0 {
		if err := p.end(stream.Context(), all[0]); err != nil {
			return err
		}
	}
	return stream.SendAndClose(replyTo(stream.Context(), all, int32(len(all))))
}

func (p *peer) Bidi(stream grpc.BidiStreamingServer[pb.Request, pb.Reply]) error {
	var first *pb.Request
	for count := int32(0); ; count++ {
		request, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if first == nil {
			first = request
			if err := begin(stream.Context(), request); err != nil {
				return err
			}
		}
		if err := stream.Send(replyTo(stream.Context(), []*pb.Request{request}, count)); err != nil {
			return err
		}
		if request.Hang != "" {
			break
		}
	}
	if first == nil {
		return nil
	}
	return p.end(stream.Context(), first)
}

func (p *peer) Seen(_ context.Context, request *pb.Request) (*pb.SeenReply, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return &pb.SeenReply{Cancelled: p.cancelled[request.Text]}, nil
}
